import { AppError, invalidRequest } from '../../platform/errors.ts';
import { formatId, newUuid, parseId } from '../../platform/ids.ts';
import { formatMoney, parseMoney } from '../../platform/money.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { checkText } from '../input/check-text.ts';
import { USAGE_LIMITS } from '../input/limits.ts';
import { formatTags } from '../input/read-tags.ts';
import { negateCounts } from '../pricing/price/usage-counts.ts';
import { reverseDetails } from './event/usage-details.ts';
import { responseIdOf, type UsageEvent } from './event/usage-event.ts';
import { findUsageEvent } from './find-usage-event.ts';
import { reversingEventId } from './mark-voided.ts';
import { hashText } from './prepare/hash-usage.ts';
import type { RecordedUsage } from './record-usage.ts';

export interface VoidInput {
  /** TypeID of the event. */
  id: string;
  reason: string;
}

function negate(cost: string | null): string | null {
  const value = cost === null ? null : parseMoney(cost);
  return value === null ? null : formatMoney(-value);
}

/**
 * The row that takes an event back: the same in everything that is grouped by, negative in all that
 * is summed.
 */
function reverse(event: UsageEvent, reason: string, nowMs: number): UsageEvent {
  return {
    ...negateCounts(event),
    id: newUuid(event.timeMs),
    eventId: reversingEventId(event.id),
    recordedAtMs: nowMs,
    requests: -event.requests,
    cost: negate(event.cost),
    computedCost: negate(event.computedCost),
    details: reverseDetails(event.details),
    holdId: null,
    voidsId: event.id,
    voidReason: reason,
    adjustsId: null,
    voidedById: null,
  };
}

// By the event too: another one may have the response id by now.
const FREE_RESPONSE = 'DELETE FROM usage_responses WHERE organization_id = $1 AND response_id = $2 AND event_id = $3';

/**
 * In the transaction of the reverse: the entry of the audit log, and the provider's id of the answer
 * is free again.
 */
function alsoVoid(context: Context, event: UsageEvent, reversed: UsageEvent) {
  const atMs = reversed.recordedAtMs;
  const change = {
    id: newUuid(atMs),
    action: 'usage.voided',
    targetId: formatId('usageEvent', event.id),
    before: { provider: event.provider, model: event.model, cost: event.cost },
    after: { voidedBy: formatId('usageEvent', reversed.id), reason: reversed.voidReason },
    atMs,
  };
  const responseId = responseIdOf(event);
  return async (sql: Sql) => {
    await recordAudit(sql, context, change);
    if (responseId !== null) await sql.query(FREE_RESPONSE, [event.organizationId, responseId, event.eventId]);
  };
}

/**
 * Takes an event back by recording its reverse, at the same time and in the same series, so that
 * every sum follows. Both stay in the ledger. An event is reversed once: the reverse's event id is
 * made of the event's, and event ids are unique, whoever tries and however often.
 *
 * @returns the reversing event; `duplicate` where there was one already
 * @throws AppError not_found, conflict (a reversing event cannot be voided), invalid_request,
 * insufficient_permissions
 */
export async function voidUsage(context: Context, input: VoidInput): Promise<RecordedUsage> {
  requireScope(context.caller, 'usage:write');
  const problems: { path: string; message: string }[] = [];
  checkText(problems, 'reason', input.reason, USAGE_LIMITS.voidReason);
  if (problems.length > 0) throw invalidRequest(problems);
  const uuid = parseId('usageEvent', input.id);
  const event = uuid === null ? null : await findUsageEvent(context, uuid);
  if (event === null) throw new AppError('not_found', 'There is no usage event with this id.');
  if (event.voidsId !== null)
    throw new AppError('conflict', 'This event reverses another; it cannot be voided itself.');
  const reversed = reverse(event, input.reason, context.resources.clock());
  await context.resources.budgets.get(event.organizationId);
  const seriesId = await context.resources.series.get(event);
  const bodyHash = hashText(reversed.eventId);
  const costAtto = reversed.cost === null ? null : parseMoney(reversed.cost);
  const [outcome] = await context.resources.usage.commit([
    {
      event: reversed,
      seriesId,
      bodyHash,
      costAtto,
      tagsText: formatTags(reversed.tags),
      unpricedChange: null,
      requireCredits: false,
      writeAlso: alsoVoid(context, event, reversed),
    },
  ]);
  if (!outcome || 'failed' in outcome) throw outcome?.failed ?? new Error('one row in, one outcome out');
  if (outcome.stored === null) return { event: reversed, duplicate: false };
  const first = await findUsageEvent(context, outcome.stored.id);
  return { event: first ?? { ...reversed, id: outcome.stored.id }, duplicate: true };
}
