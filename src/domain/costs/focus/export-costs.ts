import type { TimeSpan } from '../../../platform/calendar.ts';
import { type FieldProblem, invalidField, invalidRequest } from '../../../platform/errors.ts';
import { formatId } from '../../../platform/ids.ts';
import { DAY_MS } from '../../../platform/time.ts';
import { requireScope } from '../../access/require-scope.ts';
import type { Context } from '../../context.ts';
import { checkText } from '../../input/check-text.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { readSpan } from '../../input/read-span.ts';
import { type ChargedBy, findCharged } from '../../pricing/book/find-price-by-id.ts';
import type { Price } from '../../pricing/price/price.ts';
import { requireVisibleFilter } from '../../usage/event/require-visible-filter.ts';
import { type UsageFilter, whereUsage } from '../../usage/event/usage-filter.ts';
import { partsOf } from '../../usage/explain-cost.ts';
import { findGroupNames } from '../../usage/sums/name-groups.ts';
import { type Exchange, findExchange } from '../exchange.ts';
import { applyUntilMonthEnd } from './apply-until-month-end.ts';
import type { Charge } from './charge.ts';
import { type ChargeCollection, collectCharges, pickTags } from './collect-charges.ts';
import type { FocusRow } from './focus-columns.ts';
import { listChargeLines } from './list-charge-lines.ts';
import { type ChargedEvent, readChargedEvents } from './read-charged-events.ts';
import { type RowFrame, writeFocusRows } from './write-focus-rows.ts';

export const EXPORT_FORMATS = ['focus-1.2'] as const;
export const EXPORT_INTERVALS = ['day'] as const;
export const EXPORT_LIMITS = { days: 366, tagKeys: 3 } as const;
/** Rows that a page of the stream has at most. */
const PAGE_ROWS = 1_000;
/** What is added up in memory. A day that has more is written in parts, whose rows add up. */
const MAX_CHARGES = 50_000;

export interface CostExportQuestion {
  start?: Date | null;
  end?: Date | null;
  filter?: UsageFilter | null;
  tagKeys?: readonly string[] | null;
  /** ISO 4217; default USD. */
  currency?: string | null;
}

interface Export {
  context: Context;
  filter: UsageFilter;
  tagKeys: readonly string[];
  exchange: Exchange | null;
  /** By `keyOf`; null where the organization has no such price. */
  prices: Map<string, Price | null>;
  teams: Map<string, { id: string; name: string | null }>;
  signal: AbortSignal | undefined;
}

function readTagKeys(keys: readonly string[] | null | undefined): readonly string[] {
  const problems: FieldProblem[] = [];
  for (const key of keys ?? []) checkText(problems, 'tagKeys', key, USAGE_LIMITS.tagKey);
  if (problems.length > 0) throw invalidRequest(problems);
  if (new Set(keys).size < (keys?.length ?? 0)) throw invalidField('tagKeys', 'must not name a key twice');
  if ((keys?.length ?? 0) <= EXPORT_LIMITS.tagKeys) return keys ?? [];
  throw invalidField('tagKeys', `must name at most ${EXPORT_LIMITS.tagKeys} keys`);
}

/** The UTC days of a span that may have events, each cut to the span. */
function daysOf({ startMs, endMs }: TimeSpan, nowMs: number): TimeSpan[] {
  const last = Math.min(endMs, nowMs + USAGE_LIMITS.aheadMs);
  const days: TimeSpan[] = [];
  for (let fromMs = startMs; fromMs < last; ) {
    const nextMs = Math.floor(fromMs / DAY_MS + 1) * DAY_MS;
    days.push({ startMs: fromMs, endMs: Math.min(nextMs, endMs) });
    fromMs = nextMs;
  }
  return days;
}

/** A discount has a price for each sheet that it is taken off. */
function keyOf({ priceId, discountOf }: ChargedBy): string {
  return `${priceId} ${discountOf ?? ''}`;
}

async function learnPrices({ context, prices }: Export, events: readonly ChargedEvent[]): Promise<void> {
  const { database, prices: book } = context.resources;
  for (const { event } of events) {
    for (const part of partsOf(event)) {
      if (prices.has(keyOf(part))) continue;
      prices.set(keyOf(part), await findCharged(database.pool, book, context.caller.organization.id, part));
    }
  }
}

async function learnTeams({ context, teams }: Export, charges: readonly Charge[]): Promise<void> {
  const ids = new Set(charges.flatMap(({ teamId }) => (teamId === null || teams.has(teamId) ? [] : [teamId])));
  const named = [...ids].map((uuid) => ({ uuid, id: formatId('team', uuid) }));
  const groups = named.map(({ id }) => ({ values: [id] }));
  const names = await findGroupNames(context, [{ name: 'team', key: null }], groups);
  for (const { uuid, id } of named) teams.set(uuid, { id, name: names.get(id) ?? null });
}

async function addEvents(one: Export, charged: readonly ChargedEvent[], charges: ChargeCollection): Promise<void> {
  const events = charged.map(applyUntilMonthEnd);
  await learnPrices(one, charged);
  for (const { event, later } of events) {
    const { provider, model, serviceTier, teamId } = event;
    const owner = { provider, model, serviceTier, teamId, tags: pickTags(event.tags, one.tagKeys) };
    charges.add(
      owner,
      listChargeLines(event, (charged) => one.prices.get(keyOf(charged)) ?? null),
    );
    charges.add(owner, later);
  }
}

async function* writePages(one: Export, day: TimeSpan, charges: readonly Charge[]): AsyncGenerator<FocusRow[]> {
  const { id, name } = one.context.caller.organization;
  await learnTeams(one, charges);
  const frame: RowFrame = {
    accountId: formatId('organization', id),
    accountName: name,
    exchange: one.exchange,
    teams: one.teams,
    startMs: Math.floor(day.startMs / 1_000) * 1_000,
    endMs: Math.ceil(day.endMs / 1_000) * 1_000,
  };
  for (let at = 0; at < charges.length; at += PAGE_ROWS) {
    yield charges.slice(at, at + PAGE_ROWS).flatMap((charge) => writeFocusRows(charge, frame));
  }
}

async function* exportDays(one: Export, days: readonly TimeSpan[]): AsyncGenerator<FocusRow[]> {
  for (const day of days) {
    const charges = collectCharges();
    for await (const events of readChargedEvents(one.context, day, one.filter)) {
      one.signal?.throwIfAborted();
      await addEvents(one, events, charges);
      if (charges.size() >= MAX_CHARGES) yield* writePages(one, day, charges.take());
    }
    yield* writePages(one, day, charges.take());
  }
}

/**
 * What usage has cost, as rows of FOCUS 1.2, by UTC day: for each unit and price, the quantity and the
 * cost. A row's quantity times its price is its cost, and all costs add up to what totals say of the
 * same span and filter, both to the last digit. Memory holds one day, added up. Voided events are left
 * out. What changed a cost after its month had ended is a row of its own.
 * @param signal aborted: nothing more is read
 * @returns pages of rows, none empty; reading them throws invalid_request where retention has removed
 * events meanwhile, and unavailable when a statement takes too long
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function exportCosts(
  context: Context,
  question: CostExportQuestion,
  signal?: AbortSignal,
): Promise<AsyncGenerator<FocusRow[]>> {
  requireScope(context.caller, 'costs:read');
  const { clock, config } = context.resources;
  const filter = question.filter ?? {};
  const span = readSpan(question, clock(), 'month');
  if (span.endMs - span.startMs > EXPORT_LIMITS.days * DAY_MS) {
    throw invalidField('end', `must be at most ${EXPORT_LIMITS.days} days after start`);
  }
  const tagKeys = readTagKeys(question.tagKeys);
  const exchange = findExchange(config, question.currency);
  whereUsage(context.caller, filter);
  await requireVisibleFilter(context, filter);
  const one = { context, filter, tagKeys, exchange, prices: new Map(), teams: new Map(), signal };
  return exportDays(one, daysOf(span, clock()));
}
