import { AppError, invalidField } from '../../platform/errors.ts';
import { formatId } from '../../platform/ids.ts';
import { formatMoney, parseMoney } from '../../platform/money.ts';
import { plainArray, textArray } from '../../platform/postgres/array-literal.ts';
import { timeArray } from '../../platform/postgres/binary-array.ts';
import type { Database } from '../../platform/postgres/database.ts';
import { limitAt } from '../budgets/budget-status.ts';
import type { CounterKey } from '../budgets/match-budgets.ts';
import { insufficientCredits } from '../credits/insufficient-credits.ts';
import { toAmount } from '../event-log/amount.ts';
import type { UsageEvent } from '../usage/event/usage-event.ts';
import type { CreatedHold, HeldBudget } from './hold.ts';

/** What is to be reserved. */
export interface WantedHold {
  id: string;
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

/** A counter's place from 1, what is spent and what is held; decimal texts. */
type CounterState = [ordinal: number, spent: string, held: string];

type Outcome =
  | { status: 'stale' }
  | { status: 'unknown_cost' }
  | { status: 'refused'; counters: CounterState[] }
  | { status: 'insufficient_credits'; required: string; available: string }
  | { status: 'held'; credits: string | null; counters: CounterState[] };

const TYPES =
  'uuid bigint timestamptz uuid uuid text text uuid text jsonb numeric bigint timestamptz uuid[] text[] timestamptz[] timestamptz[] numeric[] numeric[] boolean[]';
const CALL = `SELECT create_hold(${TYPES.split(' ')
  .map((type, i) => `$${i + 1}::${type}`)
  .join(', ')}) AS outcome`;

function decimal(text: string): bigint {
  const value = parseMoney(text);
  if (value === null) throw new Error(`the database holds a decimal that is none: ${text}`);
  return value;
}

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

/** Of the budgets without room, the one with the least left decides. */
function refusalOf(states: PartState[]): AppError {
  const full = states.filter(
    ({ key, wanted, spent, held, maximum }) =>
      key.budget.action === 'block' && (wanted === null || spent + held + wanted > maximum),
  );
  const [strictest] = byRemaining(full, false);
  if (!strictest) throw new Error('a refusal names a budget');
  const { key, wanted, spent, held, maximum } = strictest;
  if (wanted === null) return unknownCost();
  const { unit, id } = key.budget;
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
    subject: key.subject === '' ? null : key.subject,
    limit: formatMoney(maximum),
    spent: formatMoney(spent),
    held: formatMoney(after),
    remaining: formatMoney(maximum - spent - after),
  };
}

function counterParameters(parts: readonly Part[]) {
  return [
    plainArray(parts.map(({ key }) => key.budget.id)),
    textArray(parts.map(({ key }) => key.subject)),
    timeArray(parts.map(({ key }) => key.startMs)),
    timeArray(parts.map(({ key }) => key.endMs)),
    plainArray(parts.map(({ wanted }) => (wanted === null ? null : formatMoney(wanted)))),
    plainArray(parts.map(({ maximum }) => formatMoney(maximum))),
    plainArray(parts.map(({ key }) => (key.budget.action === 'block' ? 't' : 'f'))),
  ];
}

/**
 * Asks the database for a hold, which decides and reserves in one transaction.
 * @returns null when the list of budgets was not the newest; nothing was reserved then
 * @throws AppError budget_exceeded, insufficient_credits, invalid_request (the cost must be known, and is not)
 */
export async function reserveHold(
  database: Database,
  hold: WantedHold,
  keys: readonly CounterKey[],
  nowMs: number,
): Promise<Pick<CreatedHold, 'budgets' | 'creditsAvailable'> | null> {
  const { event, amount, tokens } = hold;
  const wantedUsd = amount === null ? null : decimal(amount);
  const wantedTokens = decimal(String(tokens));
  const parts = keys.map((key): Part => {
    const maximum = decimal(limitAt(key.budget, nowMs));
    return { key, wanted: key.budget.unit === 'usd' ? wantedUsd : wantedTokens, maximum };
  });
  const { rows } = await database.queryReserved<{ outcome: Outcome }>({
    name: 'create-hold',
    text: CALL,
    values: [
      event.organizationId,
      hold.version,
      new Date(nowMs).toISOString(),
      hold.id,
      event.apiKeyId,
      event.provider,
      event.model,
      event.teamId,
      event.userId,
      Object.keys(event.tags).length === 0 ? null : JSON.stringify(event.tags),
      amount,
      tokens,
      hold.expiresAt.toISOString(),
      ...counterParameters(parts),
    ],
  });
  const outcome = rows[0]?.outcome;
  if (!outcome) throw new Error('a hold has an outcome');
  if (outcome.status === 'stale') return null;
  if (outcome.status === 'unknown_cost') throw unknownCost();
  if (outcome.status === 'insufficient_credits') throw insufficientCredits(outcome.required, outcome.available);
  const states = outcome.counters.map(([ordinal, spent, held]): PartState => {
    return { ...(parts[ordinal - 1] as Part), spent: decimal(spent), held: decimal(held) };
  });
  if (outcome.status === 'refused') throw refusalOf(states);
  return { budgets: byRemaining(states, true).map(heldBudget), creditsAvailable: outcome.credits };
}
