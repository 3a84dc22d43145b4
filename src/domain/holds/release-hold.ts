import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { defineCall } from '../../platform/postgres/call.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { type Hold, type HoldRow, readHold } from './hold.ts';

interface Release {
  caller: Caller;
  uuid: string;
  nowMs: number;
}

export const RELEASE_HOLD = defineCall<Release>(
  'release-hold',
  'release_hold',
  [
    ['organization', 'uuid', ({ caller }) => caller.organization.id],
    ['released_hold', 'uuid', ({ uuid }) => uuid],
    ['for_team', 'uuid', ({ caller }) => caller.teamId],
    ['at', 'timestamptz', ({ nowMs }) => new Date(nowMs).toISOString()],
  ],
  (call) => `SELECT id, status, provider, model, amount, tokens, created_at, expires_at FROM ${call}`,
);

function notFound(): AppError {
  return new AppError('not_found', 'There is no hold with this id.');
}

/**
 * Gives back what a hold reserves, since its call was not made. Released or expired before, it
 * stays as it is.
 * @throws AppError not_found, conflict (an event has settled it), insufficient_permissions
 */
export async function releaseHold({ caller, resources }: Context, id: string): Promise<Hold> {
  requireScope(caller, 'usage:write');
  const uuid = parseId('hold', id);
  if (uuid === null) throw notFound();
  const statement = RELEASE_HOLD.statement({ caller, uuid, nowMs: resources.clock() });
  const { rows } = await resources.database.queryReserved<HoldRow>(statement);
  const hold = rows[0];
  if (!hold) throw notFound();
  if (hold.status === 'settled') throw new AppError('conflict', 'This hold was settled by a usage event.');
  return readHold(hold);
}
