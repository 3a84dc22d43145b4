import { AppError, invalidField } from '../../platform/errors.ts';
import { formatId } from '../../platform/ids.ts';
import { formatMoney, readNumeric } from '../../platform/money.ts';
import { plainArray } from '../../platform/postgres/array-literal.ts';
import { textArray, timeArray, uuidArray } from '../../platform/postgres/binary-array.ts';
import { defineCall, type Value } from '../../platform/postgres/call.ts';
import type { Session } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { limitAt } from '../budgets/budget-status.ts';
import type { CounterKey } from '../budgets/match-budgets.ts';
import { hideBalance, insufficientCredits } from '../credits/insufficient-credits.ts';
import { type Amount, toAmount } from '../event-log/amount.ts';
import { formatTags } from '../input/read-tags.ts';
import type { UsageEvent } from '../usage/event/usage-event.ts';
import type { CreatedHold, HeldBudget } from './hold.ts';

/** What is to be reserved. */
export interface WantedHold {
  id: string;
  caller: Caller;
  /** The call as if it had happened at its worst. */
  event: UsageEvent;
  /** Decimal text in USD; null where the cost is unknown. */
  amount: string | null;
  tokens: number;
  expiresAt: Date;
  /** Of the list of budgets that the counters come from. */
  version: number;
}

/** One budget's part, in 10^-18 of its unit. */
interface Part {
  key: CounterKey;
  /** Null: unknown. */
  wanted: bigint | null;
  maximum: bigint;
}

/** A counter's place from 1, what is spent and what is held; decimal strings. */
type CounterState = [ordinal: number, spent: string, held: string];

type Outcome =
  | { status: 'stale' }
  | { status: 'unknown_cost' }
  | { status: 'refused'; counters: CounterState[] }
  | { status: 'insufficient_credits'; required: string; available: string }
  | { status: 'held'; credits: string | null; counters: CounterState[] };

interface PartState extends Part {
  spent: bigint;
  held: bigint;
}

/** Those with the least left first. `taken`: whether what is wanted is held already. */
function byRemaining(parts: PartState[], isTaken: boolean): PartState[] {
  const left = ({ maximum, spent, held, wanted }: PartState) =>
    maximum - spent - held - (isTaken ? (wanted ?? 0n) : 0n);
  return parts.sort((a, b) => {
    const difference = left(a) - left(b);
    if (difference !== 0n) return difference < 0n ? -1 : 1;
    return a.key.budget.id < b.key.budget.id ? -1 : 1;
  });
}

function unknownCost(): AppError {
  return invalidField('amount', 'is required: this model has no known price, and a blocking budget or credits apply');
}

/** Whether a key may see a budget: one that is bound to a team sees that team's only. */
function isVisible({ teamId }: Caller, { key }: Part): boolean {
  return teamId === null || key.budget.scope.teamId === teamId;
}

/** The refusal by a budget that is not for the caller's eyes: none of its figures. */
function hiddenRefusal(requested: Amount): AppError {
  const message = `A budget of the organization has no room for ${requested} more.`;
  return new AppError('budget_exceeded', message, { details: { requested } });
}

/** Of the budgets without room, the one with the least left decides. */
function refusalOf(caller: Caller, states: PartState[]): AppError {
  const full = states.filter(
    ({ key, wanted, spent, held, maximum }) =>
      key.budget.action === 'block' && (wanted === null || (wanted > 0n && spent + held + wanted > maximum)),
  );
  const [strictest] = byRemaining(full, false);
  if (!strictest) throw new Error('a refusal names a budget');
  const { key, wanted, spent, held, maximum } = strictest;
  if (wanted === null) return unknownCost();
  const { unit, id } = key.budget;
  if (!isVisible(caller, strictest)) return hiddenRefusal(toAmount(unit, formatMoney(wanted)));
  const details = {
    budgetId: formatId('budget', id),
    limit: toAmount(unit, formatMoney(maximum)),
    current: toAmount(unit, formatMoney(spent + held)),
    requested: toAmount(unit, formatMoney(wanted)),
  };
  const message = `The budget ${details.budgetId} has no room: ${details.current} of ${details.limit} is used or held, ${details.requested} more was asked for.`;
  return new AppError('budget_exceeded', message, { details });
}

function heldBudget({ key, wanted, spent, held, maximum }: PartState): HeldBudget {
  const after = held + (wanted ?? 0n);
  return {
    id: key.budget.id,
    unit: key.budget.unit,
    subject: key.budget.per === null ? null : key.subject,
    limit: formatMoney(maximum),
    spent: formatMoney(spent),
    held: formatMoney(after),
    remaining: formatMoney(maximum - spent - after),
  };
}

/** What `create_hold` is called with. */
interface Reservation {
  hold: WantedHold;
  event: UsageEvent;
  parts: readonly Part[];
  nowMs: number;
}

function each<T>(encode: (values: readonly T[]) => Value, read: (part: Part) => T): (one: Reservation) => Value {
  return ({ parts }) => encode(parts.map(read));
}

export const CREATE_HOLD = defineCall<Reservation>(
  'create-hold',
  'create_hold',
  [
    ['organization', 'uuid', ({ event }) => event.organizationId],
    ['known_budget_version', 'bigint', ({ hold }) => hold.version],
    ['at', 'timestamptz', ({ nowMs }) => new Date(nowMs).toISOString()],
    ['hold_id', 'uuid', ({ hold }) => hold.id],
    ['hold_api_key', 'uuid', ({ event }) => event.apiKeyId],
    ['hold_provider', 'text', ({ event }) => event.provider],
    ['hold_model', 'text', ({ event }) => event.model],
    ['hold_team', 'uuid', ({ event }) => event.teamId],
    ['hold_user', 'text', ({ event }) => event.userId],
    ['hold_tags', 'jsonb', ({ event }) => formatTags(event.tags)],
    ['wanted_usd', 'numeric', ({ hold }) => hold.amount],
    ['wanted_tokens', 'bigint', ({ hold }) => hold.tokens],
    ['hold_expires_at', 'timestamptz', ({ hold }) => hold.expiresAt.toISOString()],
    ['counter_budgets', 'uuid[]', each(uuidArray, ({ key }) => key.budget.id)],
    ['counter_subjects', 'text[]', each(textArray, ({ key }) => key.subject)],
    ['counter_starts', 'timestamptz[]', each(timeArray, ({ key }) => key.startMs)],
    ['counter_ends', 'timestamptz[]', each(timeArray, ({ key }) => key.endMs)],
    ['counter_amounts', 'numeric[]', each(plainArray, ({ wanted }) => (wanted === null ? null : formatMoney(wanted)))],
    ['counter_limits', 'numeric[]', each(plainArray, ({ maximum }) => formatMoney(maximum))],
    ['counter_blocking', 'boolean[]', each(plainArray, ({ key }) => (key.budget.action === 'block' ? 't' : 'f'))],
  ],
  (call) => `SELECT ${call} AS outcome`,
);

/**
 * Asks the database for a hold, which decides and reserves in one transaction. All budgets decide;
 * the answer shows those that the caller may see.
 * @returns null when the list of budgets was not the newest; nothing was reserved then
 * @throws AppError budget_exceeded, insufficient_credits, invalid_request (the cost must be known,
 * and is not)
 */
export async function reserveHold(
  session: Pick<Session, 'query'>,
  hold: WantedHold,
  keys: readonly CounterKey[],
  nowMs: number,
): Promise<Pick<CreatedHold, 'budgets' | 'creditsAvailable'> | null> {
  const { caller, event, amount, tokens } = hold;
  const wantedUsd = amount === null ? null : readNumeric(amount);
  const wantedTokens = readNumeric(String(tokens));
  const parts = keys.map((key): Part => {
    const maximum = readNumeric(limitAt(key.budget, nowMs));
    return { key, wanted: key.budget.unit === 'usd' ? wantedUsd : wantedTokens, maximum };
  });
  const statement = CREATE_HOLD.statement({ hold, event, parts, nowMs });
  const { rows } = await session.query<{ outcome: Outcome }>(statement);
  const outcome = rows[0]?.outcome;
  if (!outcome) throw new Error('a hold has an outcome');
  if (outcome.status === 'stale') return null;
  if (outcome.status === 'unknown_cost') throw unknownCost();
  if (outcome.status === 'insufficient_credits') {
    throw hideBalance(caller, insufficientCredits(outcome.required, outcome.available));
  }
  const states = outcome.counters.map(([ordinal, spent, held]): PartState => {
    return { ...(parts[ordinal - 1] as Part), spent: readNumeric(spent), held: readNumeric(held) };
  });
  if (outcome.status === 'refused') throw refusalOf(caller, states);
  const visible = states.filter((state) => isVisible(caller, state));
  const creditsAvailable = caller.teamId === null ? outcome.credits : null;
  return { budgets: byRemaining(visible, true).map(heldBudget), creditsAvailable };
}
