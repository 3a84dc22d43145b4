import { type AppError, type FieldProblem, invalidRequest } from '../../platform/errors.ts';
import { newUuid } from '../../platform/ids.ts';
import { type Session, sessionOf } from '../../platform/postgres/database.ts';
import { requireScope } from '../access/require-scope.ts';
import type { BudgetList } from '../budgets/budget-directory.ts';
import { matchBudgets } from '../budgets/match-budgets.ts';
import { readAmount } from '../budgets/read-budget-input.ts';
import type { Context } from '../context.ts';
import type { UsageEvent } from '../usage/event/usage-event.ts';
import { prepareUsage } from '../usage/prepare/prepare-usage.ts';
import type { CreatedHold } from './hold.ts';
import { reserveHold } from './reserve-hold.ts';

export const HOLD_SECONDS = { default: 300, max: 3_600 } as const;
/** So many refusals because budgets changed meanwhile, and the next attempt takes the lock first. */
const MAX_STALE = 2;

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

function readExpiry(problems: FieldProblem[], expiresIn: number | null | undefined, nowMs: number): Date {
  const seconds = expiresIn ?? HOLD_SECONDS.default;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > HOLD_SECONDS.max) {
    problems.push({ path: 'expiresIn', message: `must be from 1 to ${HOLD_SECONDS.max} seconds` });
  }
  return new Date(nowMs + seconds * 1000);
}

/**
 * The refusal in the words of a hold: what an event calls `outputTokens` is the most that there can
 * be.
 */
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
  return prepared.row.event;
}

/**
 * Reserves the worst case of a call before it is made, in every budget that would count it and in
 * prepaid credits, or refuses it. Exact under any number of parallel calls on any number of
 * processes: the database function decides and reserves under the lock that all writers of the
 * organization take turns by. A lost connection is not repeated: a hold that nobody knows of ends
 * by itself.
 *
 * @throws AppError budget_exceeded, insufficient_credits, invalid_request, insufficient_permissions
 */
export async function createHold(context: Context, input: HoldInput): Promise<CreatedHold> {
  const { caller, resources } = context;
  const { budgets, database } = resources;
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
  const reserve = (session: Pick<Session, 'query'>, { version, index }: BudgetList) => {
    const hold = { id, caller, event, amount, tokens, expiresAt, version };
    return reserveHold(session, hold, matchBudgets(index, event), nowMs);
  };

  /** With the lock taken first, nobody can change the budgets between the look and the hold. */
  function reserveLocked() {
    return database.transaction(async (sql) => {
      await sql.query('SELECT lock_organization($1)', [organizationId]);
      const list = (await budgets.reloadLocked(sql, [organizationId])).get(organizationId);
      return list ? reserve(sessionOf(sql), list) : null;
    });
  }

  const once = { query: database.queryReserved };
  let outcome = await reserve(once, await budgets.get(organizationId));
  for (let stale = 1; outcome === null && stale < MAX_STALE; stale++) {
    outcome = await reserve(once, await budgets.reload(organizationId));
  }
  outcome ??= await reserveLocked();
  if (outcome === null) throw new Error('budgets were changed under the lock');
  const { provider, model } = event;
  return { id, status: 'active', provider, model, amount, tokens, createdAt: new Date(nowMs), expiresAt, ...outcome };
}
