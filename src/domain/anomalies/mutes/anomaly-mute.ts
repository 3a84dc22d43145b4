import type { AnomalyMute, Prisma } from '../../../../prisma/generated/client/client.ts';
import { AppError } from '../../../platform/errors.ts';
import { formatId, parseId } from '../../../platform/ids.ts';
import type { Models } from '../../../platform/postgres/database.ts';
import { DAY_MS } from '../../../platform/time.ts';
import type { Caller } from '../../access/caller.ts';

export type { AnomalyMute };

export const MUTE_LIMITS = {
  /** Of an organization. */
  mutes: 1_000,
  /** How far ahead a mute may end. */
  days: 366,
} as const;
export const MAX_MUTE_MS = MUTE_LIMITS.days * DAY_MS;

/**
 * The tenant wall of mutes that have not ended: those of the caller's organization, or of the one team
 * that its key is bound to.
 */
export function whereLiving(caller: Caller, nowMs: number) {
  const where = { organizationId: caller.organization.id, until: { gt: new Date(nowMs) } };
  return (caller.teamId === null ? where : { ...where, teamId: caller.teamId }) satisfies Prisma.AnomalyMuteWhereInput;
}

/**
 * A mute by its TypeID. Asks no scope: the verbs do.
 * @throws AppError not_found, the same for one that is missing, ended, another's, or that the key may
 * not see
 */
export async function getLivingMute(models: Models, caller: Caller, id: string, nowMs: number): Promise<AnomalyMute> {
  const uuid = parseId('anomalyMute', id);
  const mute = uuid && (await models.anomalyMute.findFirst({ where: { AND: whereLiving(caller, nowMs), id: uuid } }));
  if (!mute) throw new AppError('not_found', 'There is no anomaly mute with this id.');
  return mute;
}

/** What the audit log keeps of a mute. */
export function auditMute({ teamId, apiKeyId, until }: AnomalyMute): object {
  return { teamId: teamId && formatId('team', teamId), apiKeyId: apiKeyId && formatId('apiKey', apiKeyId), until };
}
