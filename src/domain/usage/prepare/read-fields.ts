import type { FieldProblem } from '../../../platform/errors.ts';
import { parseId } from '../../../platform/ids.ts';
import { type AttoUsd, parseMoney, usd } from '../../../platform/money.ts';
import { DAY_MS } from '../../../platform/time.ts';
import type { Context } from '../../context.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { keptTier } from '../../pricing/price/service-tier.ts';

/**
 * The tier that was given, else the one that the provider's own usage names. White space is not
 * the usual tier: it is refused.
 */
export function readTier(problems: FieldProblem[], given: string | null | undefined, read: string): string {
  if (given === undefined || given === null) return read;
  if (given.trim() === '') problems.push({ path: 'serviceTier', message: 'must not be empty' });
  return keptTier(given);
}

/** The time of the event. What is before the retention goes to `old`, other problems to `problems`. */
export function readTime(
  problems: FieldProblem[],
  old: FieldProblem[],
  { resources, caller }: Context,
  timestamp: Date | null | undefined,
  nowMs: number,
): number {
  if (!timestamp) return nowMs;
  const timeMs = timestamp.getTime();
  const path = 'timestamp';
  if (timeMs > nowMs + USAGE_LIMITS.aheadMs) problems.push({ path, message: 'must not be more than 5 minutes ahead' });
  if (timeMs < 0) problems.push({ path, message: 'must not be before 1970' });
  const days = caller.organization.retentionDays ?? resources.config.retentionDays;
  if (days !== null && timeMs < nowMs - days * DAY_MS) {
    old.push({ path, message: `must not be older than the retention of ${days} days` });
  }
  return timeMs;
}

/** What the caller says that it cost. */
export function readCost(problems: FieldProblem[], cost: string | null | undefined): AttoUsd | null {
  if (cost === undefined || cost === null) return null;
  const value = parseMoney(cost);
  if (value === null) problems.push({ path: 'cost', message: 'must be a decimal in USD with at most 18 places' });
  else if (value < 0n) problems.push({ path: 'cost', message: 'must not be negative' });
  else if (value > usd(USAGE_LIMITS.costUsd)) problems.push({ path: 'cost', message: 'must be at most 10^12 USD' });
  else return value;
  return null;
}

/**
 * The team an event is charged to: the key's own where it is bound to one. Whether it exists is the
 * caller's part.
 */
export function readTeam(
  problems: FieldProblem[],
  { caller }: Context,
  teamId: string | null | undefined,
): string | null {
  if (teamId === undefined || teamId === null) return caller.teamId;
  const uuid = parseId('team', teamId);
  if (uuid !== null && (caller.teamId === null || caller.teamId === uuid)) return uuid;
  problems.push({ path: 'teamId', message: 'there is no such team' });
  return null;
}

/** The hold that it settles. Whether it exists is the caller's part. */
export function readHold(problems: FieldProblem[], holdId: string | null | undefined): string | null {
  if (holdId === undefined || holdId === null) return null;
  const uuid = parseId('hold', holdId);
  if (uuid === null) problems.push({ path: 'holdId', message: 'there is no such hold' });
  return uuid;
}
