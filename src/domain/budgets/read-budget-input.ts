import { isTimeZone } from '../../platform/calendar.ts';
import { type FieldProblem, invalidRequest } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { formatMoney, parseMoney, usd } from '../../platform/money.ts';
import type { Context } from '../context.ts';
import { checkText, isStorableText } from '../input/check-text.ts';
import { foldName } from '../input/fold-name.ts';
import { USAGE_LIMITS } from '../input/limits.ts';
import { readTags } from '../input/read-tags.ts';
import { normalizeProvider } from '../pricing/price/provider-name.ts';
import type { Budget, BudgetAction, BudgetPeriod, BudgetScope, BudgetUnit } from './budget.ts';

export const BUDGET_LIMITS = { name: 100, thresholds: 20, threshold: 1_000, budgets: 5_000 } as const;
const DEFAULT_THRESHOLDS = [50, 80, 100];

/** A scope as a caller gives it: ids are TypeIDs. */
export interface BudgetScopeInput {
  teamId?: string | null;
  userId?: string | null;
  provider?: string | null;
  model?: string | null;
  apiKeyId?: string | null;
  tags?: unknown;
}

export interface BudgetInput {
  name: string;
  /** Decimal text in USD. Exactly one of `amount` and `tokens`. */
  amount?: string | null;
  tokens?: number | null;
  period: BudgetPeriod;
  timezone?: string | null;
  scope?: BudgetScopeInput | null;
  per?: string | null;
  thresholds?: readonly number[] | null;
  action?: BudgetAction | null;
  raiseAmount?: string | null;
  raiseUntil?: Date | null;
}

/** What can be changed. What is counted (scope, per, period, zone) is what makes the budget. */
type BudgetSettings = Omit<BudgetInput, 'period' | 'timezone' | 'scope' | 'per'>;

/**
 * A change of the budget with this TypeID. What is left out, or null where null says nothing,
 * stays.
 */
export type BudgetPatch = { id: string } & { [K in keyof BudgetSettings]?: BudgetSettings[K] | null };

const PER = /^(team|user|api_key|tag:.{1,64})$/s;

function readKind(problems: FieldProblem[], kind: 'team' | 'apiKey', path: string, id: string | null | undefined) {
  if (id === undefined || id === null) return null;
  const uuid = parseId(kind, id);
  if (uuid === null) problems.push({ path, message: `must be an id such as ${kind === 'team' ? 'team_' : 'key_'}...` });
  return uuid;
}

function readWord(problems: FieldProblem[], path: string, word: string | null | undefined, max: number) {
  if (word === undefined || word === null) return null;
  checkText(problems, path, word, max);
  return word;
}

function readScope(problems: FieldProblem[], { caller }: Context, given: BudgetScopeInput): BudgetScope {
  const teamId = readKind(problems, 'team', 'scope.teamId', given.teamId) ?? caller.teamId;
  if (caller.teamId !== null && teamId !== caller.teamId) {
    problems.push({ path: 'scope.teamId', message: 'there is no such team' });
  }
  const provider = readWord(
    problems,
    'scope.provider',
    given.provider && foldName(given.provider),
    USAGE_LIMITS.provider,
  );
  const tags = readTags(problems, given.tags, 'scope.tags');
  return {
    teamId,
    userId: readWord(problems, 'scope.userId', given.userId, USAGE_LIMITS.userId),
    provider: provider === null ? null : normalizeProvider(provider),
    model: readWord(problems, 'scope.model', given.model && foldName(given.model), USAGE_LIMITS.model),
    apiKeyId: readKind(problems, 'apiKey', 'scope.apiKeyId', given.apiKeyId),
    tags: Object.keys(tags).length === 0 ? null : tags,
  };
}

/**
 * An amount of money above 0, in its plain form; at most what an event may cost, so that sums of it
 * always fit.
 */
export function readAmount(problems: FieldProblem[], path: string, text: string): string {
  const value = parseMoney(text);
  if (value === null) problems.push({ path, message: 'must be a decimal in USD with at most 18 places' });
  else if (value <= 0n) problems.push({ path, message: 'must be above 0' });
  else if (value > usd(USAGE_LIMITS.costUsd)) problems.push({ path, message: 'must be at most 10^12 USD' });
  return value === null ? '0' : formatMoney(value);
}

/** What a budget counts, and how much of it; what it is known to count stays. */
function readBudgetAmount(
  problems: FieldProblem[],
  { amount, tokens }: Pick<BudgetInput, 'amount' | 'tokens'>,
  known: Partial<Budget>,
): Pick<Budget, 'unit' | 'amount'> {
  const hasAmount = amount !== undefined && amount !== null;
  const hasTokens = tokens !== undefined && tokens !== null;
  if (!hasAmount && !hasTokens && known.unit && known.amount) return { unit: known.unit, amount: known.amount };
  if (hasAmount === hasTokens)
    problems.push({ path: 'amount', message: 'exactly one of amount and tokens must be given' });
  const path = hasAmount ? 'amount' : 'tokens';
  const unit = hasAmount ? 'usd' : 'tokens';
  if (known.unit && known.unit !== unit) {
    problems.push({ path, message: `this budget counts ${known.unit}; make another for the other unit` });
  }
  if (hasAmount) return { unit, amount: readAmount(problems, path, amount) };
  if (hasTokens && tokens <= 0) problems.push({ path, message: 'must be above 0' });
  return { unit, amount: String(tokens ?? 0) };
}

/** Percents of the limit, ascending, each once. */
function readThresholds(problems: FieldProblem[], given: readonly number[]): number[] {
  const thresholds = [...new Set(given)].sort((a, b) => a - b);
  const { threshold: most } = BUDGET_LIMITS;
  const path = 'thresholds';
  if (thresholds.length > BUDGET_LIMITS.thresholds) {
    problems.push({ path, message: `must have at most ${BUDGET_LIMITS.thresholds} entries` });
  }
  if (thresholds.some((percent) => !Number.isInteger(percent) || percent < 1 || percent > most)) {
    problems.push({ path, message: `must be whole percents from 1 to ${most}` });
  }
  return thresholds;
}

/** The amount and end of a temporary raise; both or neither. */
function readRaise(
  problems: FieldProblem[],
  unit: BudgetUnit,
  { raiseAmount, raiseUntil }: Pick<BudgetInput, 'raiseAmount' | 'raiseUntil'>,
): Pick<Budget, 'raiseAmount' | 'raiseUntil'> {
  const none = { raiseAmount: null, raiseUntil: null };
  if (!raiseAmount && !raiseUntil) return none;
  if (!raiseAmount || !raiseUntil) {
    problems.push({ path: 'raiseAmount', message: 'must be given together with raiseUntil, or not at all' });
    return none;
  }
  const path = 'raiseAmount';
  if (unit === 'tokens' && !/^\d+$/.test(raiseAmount)) problems.push({ path, message: 'must be whole tokens' });
  return { raiseAmount: readAmount(problems, path, raiseAmount), raiseUntil };
}

/** What was given, null included; else what is known. */
function keep<T>(given: T | undefined, known: T | undefined): T | undefined {
  return given === undefined ? known : given;
}

/**
 * The part of a rule that can be changed later, checked. What is not given stays as it is known, or
 * has its default.
 */
function readSettings(problems: FieldProblem[], given: Omit<BudgetPatch, 'id'>, known: Partial<Budget>) {
  const name = given.name ?? known.name ?? '';
  checkText(problems, 'name', name, BUDGET_LIMITS.name);
  const amount = readBudgetAmount(problems, given, known);
  const raiseAmount = keep(given.raiseAmount, known.raiseAmount);
  const raiseUntil = keep(given.raiseUntil, known.raiseUntil);
  return {
    name,
    ...amount,
    ...readRaise(problems, amount.unit, { raiseAmount, raiseUntil }),
    thresholds: readThresholds(problems, given.thresholds ?? known.thresholds ?? DEFAULT_THRESHOLDS),
    action: given.action ?? known.action ?? ('alert' as const),
  };
}

/**
 * A new budget's rule, checked. @throws AppError invalid_request naming every field that is wrong
 */
export function readBudgetInput(context: Context, input: BudgetInput) {
  const problems: FieldProblem[] = [];
  const timezone = input.timezone ?? 'UTC';
  const per = input.per ?? null;
  const settings = readSettings(problems, input, {});
  if (!isTimeZone(timezone)) problems.push({ path: 'timezone', message: 'must be an IANA time zone' });
  if (per !== null && !(PER.test(per) && isStorableText(per))) {
    problems.push({ path: 'per', message: 'must be team, user, api_key or tag:KEY' });
  }
  const scope = readScope(problems, context, input.scope ?? {});
  if (problems.length > 0) throw invalidRequest(problems);
  return { ...settings, period: input.period, timezone, scope, per };
}

/**
 * What a patch makes of a budget, checked. @throws AppError invalid_request naming every field that
 * is wrong
 */
export function readBudgetPatch(patch: BudgetPatch, known: Budget) {
  const problems: FieldProblem[] = [];
  const settings = readSettings(problems, patch, known);
  if (problems.length > 0) throw invalidRequest(problems);
  return settings;
}

/**
 * @throws AppError invalid_request where the scope names a team that the organization does not have
 */
export async function requireScopeTeam({ resources, caller }: Context, { teamId }: BudgetScope): Promise<void> {
  if (teamId === null) return;
  const found = await resources.teams.findExisting(caller.organization.id, [teamId]);
  if (!found.has(teamId)) throw invalidRequest([{ path: 'scope.teamId', message: 'there is no such team' }]);
}
