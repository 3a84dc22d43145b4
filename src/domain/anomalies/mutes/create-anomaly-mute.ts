import { AppError, type FieldProblem, invalidField, invalidRequest } from '../../../platform/errors.ts';
import { formatId, newUuid, parseId } from '../../../platform/ids.ts';
import type { Models } from '../../../platform/postgres/database.ts';
import type { Caller } from '../../access/caller.ts';
import { requireScope } from '../../access/require-scope.ts';
import { whereApiKeys } from '../../access/where-api-keys.ts';
import { recordAudit } from '../../audit/record-audit.ts';
import type { Context } from '../../context.ts';
import { type AnomalyMute, auditMute, MAX_MUTE_MS, MUTE_LIMITS } from './anomaly-mute.ts';

/** Ids are TypeIDs. With neither, everything that the caller's key sees is muted. */
export interface CreateAnomalyMuteInput {
  teamId?: string | null;
  apiKeyId?: string | null;
  until: Date;
}

interface MutedIds {
  teamId: string | null;
  apiKeyId: string | null;
}

/** Under the organization's lock, which the deletion of a team takes too. */
async function readIds(models: Models, caller: Caller, input: CreateAnomalyMuteInput): Promise<MutedIds> {
  const problems: FieldProblem[] = [];
  const organizationId = caller.organization.id;
  let teamId = caller.teamId;
  if (typeof input.teamId === 'string') {
    teamId = parseId('team', input.teamId);
    const isSeen = teamId !== null && (caller.teamId === null || caller.teamId === teamId);
    const where = { organizationId, id: teamId ?? '', deletedAt: null };
    if (!isSeen || (await models.team.count({ where })) === 0) {
      problems.push({ path: 'teamId', message: 'there is no such team' });
    }
  }
  let apiKeyId: string | null = null;
  if (typeof input.apiKeyId === 'string') {
    apiKeyId = parseId('apiKey', input.apiKeyId);
    const ofTeam = typeof input.teamId === 'string' && teamId !== null && problems.length === 0 ? { teamId } : {};
    const where = { AND: whereApiKeys(caller), id: apiKeyId ?? '', revokedAt: null, ...ofTeam };
    if (apiKeyId === null || (await models.apiKey.count({ where })) === 0) {
      const message = 'teamId' in ofTeam ? 'there is no such API key in this team' : 'there is no such API key';
      problems.push({ path: 'apiKeyId', message });
    }
  }
  if (problems.length > 0) throw invalidRequest(problems);
  return { teamId, apiKeyId };
}

/** Mutes that have ended go with the next one that is made. */
async function makeRoom(models: Models, caller: Caller, now: Date): Promise<void> {
  const organizationId = caller.organization.id;
  await models.anomalyMute.deleteMany({ where: { organizationId, until: { lte: now } } });
  if ((await models.anomalyMute.count({ where: { organizationId } })) < MUTE_LIMITS.mutes) return;
  throw new AppError('conflict', `An organization has at most ${MUTE_LIMITS.mutes} anomaly mutes; delete some.`);
}

/**
 * Keeps anomalies from being told until a time: those of a team and its API keys, of one API key, or
 * all that the caller's key sees. Incidents are still followed.
 * @throws AppError invalid_request, conflict (too many mutes), insufficient_permissions
 */
export async function createAnomalyMute(context: Context, input: CreateAnomalyMuteInput): Promise<AnomalyMute> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:write');
  const atMs = resources.clock();
  const now = new Date(atMs);
  const untilMs = input.until.getTime();
  if (untilMs <= atMs) throw invalidField('until', 'must be in the future');
  if (untilMs > atMs + MAX_MUTE_MS) throw invalidField('until', `must be at most ${MUTE_LIMITS.days} days ahead`);
  const organizationId = caller.organization.id;
  const id = newUuid(atMs);
  return resources.database.change(async (models) => {
    await models.$executeRaw`SELECT lock_organization(${organizationId}::uuid)`;
    const ids = await readIds(models, caller, input);
    await makeRoom(models, caller, now);
    const data = { organizationId, id, ...ids, until: input.until, createdAt: now };
    const mute = await models.anomalyMute.create({ data });
    const change = { action: 'anomaly_mute.created', targetId: formatId('anomalyMute', id), atMs };
    await recordAudit(models, context, { ...change, before: null, after: auditMute(mute) });
    return mute;
  });
}
