import type { TimeSpan } from '../../platform/calendar.ts';
import { formatMoney, parseMoney, percentOf, plainDecimal } from '../../platform/money.ts';
import { plainArray } from '../../platform/postgres/array-literal.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { Budget } from './budget.ts';
import { periodAt } from './match-budgets.ts';

/** What one subject has used of a budget. Amounts are decimal strings in the budget's unit. */
export interface BudgetSubject {
  /** A UUID for teams and keys; null where the budget counts all together. */
  subject: string | null;
  spent: string;
  held: string;
  remaining: string;
  /** Of the limit, spent; decimal string. */
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
const QUERY = `
  WITH over AS MATERIALIZED (
    SELECT r.budget_id, r.subject, r.period_start, r.amount
      FROM holds h
      CROSS JOIN LATERAL unnest(h.budget_ids, h.subjects, h.period_starts, h.reserved)
        AS r(budget_id, subject, period_start, amount)
     WHERE h.organization_id = $1 AND h.status = 'active' AND h.expires_at <= $4)
  SELECT k.ordinal, c.subject, c.spent, c.matched_events, c.held - coalesce((
           SELECT sum(o.amount) FROM over o
            WHERE o.budget_id = c.budget_id AND o.subject = c.subject AND o.period_start = c.period_start), 0) AS held
    FROM unnest($2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS k(budget_id, period_start, ordinal)
    CROSS JOIN LATERAL (
      SELECT * FROM budget_counters c
       WHERE c.organization_id = $1 AND c.budget_id = k.budget_id AND c.period_start = k.period_start
       ORDER BY c.spent DESC, c.subject LIMIT ${MAX_SUBJECTS}) c
   ORDER BY k.ordinal, c.spent DESC, c.subject`;

/** The limit in force at a moment, as decimal string. */
export function limitAt(budget: Budget, nowMs: number): string {
  const base = parseMoney(budget.amount) ?? 0n;
  const raised = budget.raiseUntil !== null && budget.raiseUntil.getTime() > nowMs ? budget.raiseAmount : null;
  return formatMoney(base + (raised === null ? 0n : (parseMoney(raised) ?? 0n)));
}

function describe(limit: string, row: Omit<Row, 'ordinal'>): BudgetSubject {
  const [maximum, spent, held] = [limit, row.spent, row.held].map((text) => parseMoney(text) ?? 0n) as [
    bigint,
    bigint,
    bigint,
  ];
  return {
    subject: row.subject === '' ? null : row.subject,
    spent: plainDecimal(row.spent),
    held: plainDecimal(row.held),
    remaining: formatMoney(maximum - spent - held),
    percent: percentOf(spent, maximum) ?? '0',
    matchedEvents: row.matched_events,
  };
}

const UNUSED = { subject: '', spent: '0', held: '0', matched_events: 0 };

/** Where budgets of one organization stand now, in their order. */
export async function readBudgetStatuses(
  sql: Sql,
  organizationId: string,
  budgets: readonly Budget[],
  nowMs: number,
): Promise<BudgetStatus[]> {
  if (budgets.length === 0) return [];
  const spans = budgets.map((budget) => periodAt(budget, nowMs));
  const { rows } = await sql.query<Row>(QUERY, [
    organizationId,
    plainArray(budgets.map(({ id }) => id)),
    plainArray(spans.map(({ startMs }) => `"${new Date(startMs).toISOString()}"`)),
    new Date(nowMs),
  ]);
  const byBudget = Map.groupBy(rows, ({ ordinal }) => ordinal - 1);
  return budgets.map((budget, i) => {
    const limit = limitAt(budget, nowMs);
    const subjects = (byBudget.get(i) ?? []).map((row) => describe(limit, row));
    const first = subjects[0] ?? describe(limit, UNUSED);
    const span = spans[i] as TimeSpan;
    return { ...budget, ...first, limit, span, subjects: budget.per === null ? [] : subjects };
  });
}
