import type { TimeSpan } from '../../platform/calendar.ts';
import { formatMoney, percentReached, plainDecimal, readNumeric } from '../../platform/money.ts';
import { plainArray } from '../../platform/postgres/array-literal.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { Budget } from './budget.ts';
import { periodAt } from './match-budgets.ts';

/** What one subject has used of a budget. Amounts are decimal strings in the budget's unit. */
export interface BudgetSubject {
  /** A UUID for teams and keys; null where the budget counts all together. "" is a tag's value. */
  subject: string | null;
  spent: string;
  held: string;
  remaining: string;
  /** Of the limit, spent, rounded down to 2 places; decimal string. */
  percent: string;
  matchedEvents: number;
}

/** A budget, and where it stands in the period that holds now. */
export interface BudgetStatus extends Budget, BudgetSubject {
  /** The limit now: the amount, and the raise where one is in force. */
  limit: string;
  span: TimeSpan;
  /**
   * With `per`: the subjects that used most, at most 100 of them. The figures above are those of
   * the first.
   */
  subjects: BudgetSubject[];
}

const MAX_SUBJECTS = 100;

interface Row {
  ordinal: number;
  subject: string;
  spent: string;
  held: string;
  matched_events: number;
}

// What holds reserve whose time is over is left out though nothing has swept them yet.
const OVER = `
  over AS MATERIALIZED (
    SELECT r.budget_id, r.subject, r.period_start, r.amount
      FROM holds h
      CROSS JOIN LATERAL unnest(h.budget_ids, h.subjects, h.period_starts, h.reserved)
        AS r(budget_id, subject, period_start, amount)
     WHERE h.organization_id = $1 AND h.status = 'active' AND h.expires_at <= $4)`;
const COUNTER = `
         c.subject, c.spent, c.matched_events, c.held - coalesce((
           SELECT sum(o.amount) FROM over o
            WHERE o.budget_id = c.budget_id AND o.subject = c.subject AND o.period_start = c.period_start), 0) AS held`;
const QUERY = `
  WITH ${OVER}
  SELECT k.ordinal,${COUNTER}
    FROM unnest($2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS k(budget_id, period_start, ordinal)
    CROSS JOIN LATERAL (
      SELECT * FROM budget_counters c
       WHERE c.organization_id = $1 AND c.budget_id = k.budget_id AND c.period_start = k.period_start
       ORDER BY c.spent DESC, c.subject LIMIT ${MAX_SUBJECTS}) c
   ORDER BY k.ordinal, c.spent DESC, c.subject`;

/** The limit in force at a moment, as decimal string. */
export function limitAt(budget: Budget, nowMs: number): string {
  const { amount, raiseAmount, raiseUntil, raiseEnded } = budget;
  const isRaised = raiseUntil !== null && raiseUntil.getTime() > nowMs && !raiseEnded;
  return formatMoney(readNumeric(amount) + (isRaised ? readNumeric(raiseAmount ?? '0') : 0n));
}

function describe(budget: Budget, limit: string, row: Omit<Row, 'ordinal'>): BudgetSubject {
  const [maximum, spent, held] = [readNumeric(limit), readNumeric(row.spent), readNumeric(row.held)];
  return {
    subject: budget.per === null ? null : row.subject,
    spent: plainDecimal(row.spent),
    held: plainDecimal(row.held),
    remaining: formatMoney(maximum - spent - held),
    percent: percentReached(spent, maximum),
    matchedEvents: row.matched_events,
  };
}

const UNUSED = { subject: '', spent: '0', held: '0', matched_events: 0 };

/** When a budget stands: one that has ended is shown as it stood then. */
export function standsAt({ endedAt }: Budget, nowMs: number): number {
  return endedAt === null ? nowMs : Math.min(nowMs, endedAt.getTime());
}

/** Where budgets of one organization stand now, in their order. */
export async function readBudgetStatuses(
  sql: Sql,
  organizationId: string,
  budgets: readonly Budget[],
  nowMs: number,
): Promise<BudgetStatus[]> {
  if (budgets.length === 0) return [];
  const spans = budgets.map((budget) => periodAt(budget, standsAt(budget, nowMs)));
  const { rows } = await sql.query<Row>(QUERY, [
    organizationId,
    plainArray(budgets.map(({ id }) => id)),
    plainArray(spans.map(({ startMs }) => `"${new Date(startMs).toISOString()}"`)),
    new Date(nowMs),
  ]);
  const byBudget = Map.groupBy(rows, ({ ordinal }) => ordinal - 1);
  return budgets.map((budget, i) => {
    const limit = limitAt(budget, standsAt(budget, nowMs));
    const subjects = (byBudget.get(i) ?? []).map((row) => describe(budget, limit, row));
    const first = subjects[0] ?? { ...describe(budget, limit, UNUSED), subject: null };
    const span = spans[i] as TimeSpan;
    return { ...budget, ...first, limit, span, subjects: budget.per === null ? [] : subjects };
  });
}

const SUBJECTS = `
  WITH ${OVER}
  SELECT${COUNTER}
    FROM budget_counters c
   WHERE c.organization_id = $1 AND c.budget_id = $2 AND c.period_start = $3
     AND ($5::text IS NULL OR c.subject > $5)
   ORDER BY c.subject LIMIT $6`;

/**
 * The subjects of a budget in its present period, in the order of their names: unlike figures,
 * these stay while somebody turns the pages.
 * @param after the name to go on behind; null: from the start
 */
export async function readBudgetSubjects(
  sql: Sql,
  budget: Budget,
  after: string | null,
  limit: number,
  nowMs: number,
): Promise<BudgetSubject[]> {
  const standsMs = standsAt(budget, nowMs);
  const start = new Date(periodAt(budget, standsMs).startMs);
  const values = [budget.organizationId, budget.id, start, new Date(nowMs), after, limit];
  const { rows } = await sql.query<Row>(SUBJECTS, values);
  return rows.map((row) => describe(budget, limitAt(budget, standsMs), row));
}
