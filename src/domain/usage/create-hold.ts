import { plainArray, textArray } from '../../platform/array-literal.ts';
import { AppError, type FieldProblem, invalidField, invalidRequest } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { plainDecimal } from '../budgets/budget-row.ts';
import type { CreatedHold, HeldBudget } from '../budgets/hold.ts';
import { type CounterKey, matchBudgets } from '../budgets/match-budgets.ts';
import { readAmount } from '../budgets/read-budget-input.ts';
import type { Context } from '../context.ts';
import { insufficientCredits } from '../credits/insufficient-credits.ts';
import { prepareUsage } from './prepare-usage.ts';
import type { UsageEvent } from './usage-event.ts';

export const HOLD_SECONDS = { default: 300, max: 3_600 } as const;
const MAX_ATTEMPTS = 20;

export interface HoldInput {
  provider: string;
  model: string;
  inputTokens: number;
  maxOutputTokens: number;
  /** TypeID. */
  teamId?: string | null;
  userId?: string | null;
  tags?: unknown;
  expiresIn?: number | null;
  /** Decimal text in USD: instead of the computed worst case. */
  amount?: string | null;
}

type Outcome =
  | { status: 'stale' }
  | { status: 'unknown_cost'; budgetId?: string }
  | {
      status: 'budget_exceeded';
      budgetId: string;
      unit: 'usd' | 'tokens';
      limit: string;
      current: string;
      requested: string;
    }
  | { status: 'insufficient_credits'; required: string; available: string }
  | { status: 'held'; credits: string | null; budgets: HeldBudget[] };

/** An amount of a budget as callers have it: text for money, a number for tokens. */
function wireAmount(unit: 'usd' | 'tokens', text: string): string | number {
  return unit === 'usd' ? plainDecimal(text) : Number(plainDecimal(text));
}

function refusalOf(outcome: Exclude<Outcome, { status: 'held' | 'stale' }>): AppError {
  if (outcome.status === 'insufficient_credits') return insufficientCredits(outcome.required, outcome.available);
  if (outcome.status === 'unknown_cost') {
    return invalidField('amount', 'is required: this model has no known price, and a blocking budget or credits apply');
  }
  const { budgetId, unit, limit, current, requested } = outcome;
  const details = {
    budgetId: formatId('budget', budgetId),
    limit: wireAmount(unit, limit),
    current: wireAmount(unit, current),
    requested: wireAmount(unit, requested),
  };
  const message = `The budget ${details.budgetId} has no room: ${details.current} of ${details.limit} is used or held, ${details.requested} more was asked for.`;
  return new AppError('budget_exceeded', message, { details });
}

function readExpiry(problems: FieldProblem[], expiresIn: number | null | undefined, nowMs: number): Date {
  const seconds = expiresIn ?? HOLD_SECONDS.default;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > HOLD_SECONDS.max) {
    problems.push({ path: 'expiresIn', message: `must be from 1 to ${HOLD_SECONDS.max} seconds` });
  }
  return new Date(nowMs + seconds * 1000);
}

/** The refusal in the words of a hold: what an event calls `outputTokens` is the most that there can be. */
function inHoldWords(error: AppError): AppError {
  const { fields } = (error.details ?? {}) as { fields?: FieldProblem[] };
  if (error.code !== 'invalid_request' || !fields) return error;
  const rename = (path: string) => (path === 'outputTokens' ? 'maxOutputTokens' : path);
  return invalidRequest(fields.map(({ path, message }) => ({ path: rename(path), message })));
}

/** The call as if it had happened at its worst: the pricer is the estimator. */
async function prepare(context: Context, input: HoldInput): Promise<UsageEvent> {
  const { provider, model, inputTokens, maxOutputTokens, teamId, userId, tags } = input;
  const usage = { provider, model, inputTokens, outputTokens: maxOutputTokens, teamId, userId, tags };
  const [prepared] = await prepareUsage(context, [usage]);
  if (!prepared) throw new Error('one event in, one answer out');
  if ('error' in prepared) throw inHoldWords(prepared.error);
  if (!Number.isSafeInteger(inputTokens + maxOutputTokens)) {
    throw invalidField('maxOutputTokens', 'must not make more than 9007199254740991 with inputTokens');
  }
  return prepared.row.event;
}

const CALL = `SELECT create_hold($1::uuid, $2::bigint, $3::timestamptz, $4::uuid, $5::uuid, $6::text, $7::text, $8::uuid,
  $9::text, $10::jsonb, $11::numeric, $12::bigint, $13::timestamptz, $14::uuid[], $15::text[], $16::timestamptz[],
  $17::timestamptz[]) AS outcome`;

function counterParameters(keys: readonly CounterKey[]): string[] {
  const time = (timeMs: number) => `"${new Date(timeMs).toISOString()}"`;
  return [
    plainArray(keys.map(({ budget }) => budget.id)),
    textArray(keys.map(({ subject }) => subject)),
    plainArray(keys.map(({ startMs }) => time(startMs))),
    plainArray(keys.map(({ endMs }) => time(endMs))),
  ];
}

/**
 * Reserves the worst case of a call before it is made, in every budget that would count it and in prepaid credits, or
 * refuses it. Exact under any number of parallel calls on any number of processes: the database function decides and
 * reserves under the lock that all writers of the organization take turns by. A lost connection is not repeated: a
 * hold that nobody knows of ends by itself.
 *
 * @throws AppError budget_exceeded, insufficient_credits, invalid_request, insufficient_permissions
 */
export async function createHold(context: Context, input: HoldInput): Promise<CreatedHold> {
  const { caller, resources } = context;
  requireScope(caller, 'usage:write');
  const nowMs = resources.clock();
  const problems: FieldProblem[] = [];
  const expiresAt = readExpiry(problems, input.expiresIn, nowMs);
  const given = input.amount ? readAmount(problems, 'amount', input.amount) : null;
  if (problems.length > 0) throw invalidRequest(problems);
  const event = await prepare(context, input);
  const organizationId = caller.organization.id;
  const id = newUuid(nowMs);
  const amount = given ?? event.cost;
  const tokens = event.inputTokens + event.outputTokens;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const { version, index } = await resources.budgets.get(organizationId);
    const { rows } = await resources.database.pool.query<{ outcome: Outcome }>({
      name: 'create-hold',
      text: CALL,
      values: [
        organizationId,
        version,
        new Date(nowMs).toISOString(),
        id,
        caller.apiKeyId,
        event.provider,
        event.model,
        event.teamId,
        event.userId,
        Object.keys(event.tags).length === 0 ? null : JSON.stringify(event.tags),
        amount,
        tokens,
        expiresAt.toISOString(),
        ...counterParameters(matchBudgets(index, event)),
      ],
    });
    const outcome = rows[0]?.outcome;
    if (!outcome) throw new Error('a hold has an outcome');
    if (outcome.status === 'stale') await resources.budgets.reload(organizationId);
    else if (outcome.status !== 'held') throw refusalOf(outcome);
    else {
      const { provider, model } = event;
      const { budgets, credits: creditsAvailable } = outcome;
      const createdAt = new Date(nowMs);
      return { id, status: 'active', provider, model, amount, tokens, createdAt, expiresAt, budgets, creditsAvailable };
    }
  }
  throw new AppError('unavailable', 'The budgets change faster than a hold can be made.');
}
