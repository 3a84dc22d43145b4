import type { Database } from '../../platform/postgres/database.ts';

/** One thing about budgets that is not what it is made of. Texts, as the database has them. */
export interface BudgetDifference {
  table: string;
  organizationId: string;
  /** The budget, its subject and period; or the hold. */
  of: string;
  kept: string;
  summed: string;
}

// Time that retention has removed is summed by whole UTC days where users or tags are looked at:
// there, periods that begin or end within one cannot be added up again.
const COUNTERS = `
  WITH periods AS MATERIALIZED (
    SELECT DISTINCT c.organization_id, c.budget_id, c.period_start, c.period_end
      FROM budget_counters c
      JOIN budgets b ON b.organization_id = c.organization_id AND b.id = c.budget_id AND b.ended_at IS NULL
       AND b.deleted_at IS NULL
      JOIN organizations o ON o.id = c.organization_id
     WHERE o.retired_before IS NULL OR c.period_start >= o.retired_before
        OR NOT coalesce(b.user_id IS NOT NULL OR b.tags IS NOT NULL OR b.per = 'user' OR b.per LIKE 'tag:%', false)
        OR (c.period_start = date_trunc('day', c.period_start, 'UTC') AND c.period_end = date_trunc('day', c.period_end, 'UTC'))),
  kept AS (
    SELECT organization_id, budget_id, c.subject, period_start, c.spent, c.matched_events
      FROM periods JOIN budget_counters c USING (organization_id, budget_id, period_start)),
  counted AS (
    SELECT p.organization_id, p.budget_id, n.subject, p.period_start, n.spent, n.matched AS matched_events
      FROM periods p CROSS JOIN LATERAL count_budget(p.organization_id, p.budget_id, p.period_start, p.period_end) n)
  SELECT organization_id, concat_ws(' ', budget_id, period_start, subject) AS of,
         concat_ws(' ', k.spent, k.matched_events) AS kept, concat_ws(' ', n.spent, n.matched_events) AS summed
    FROM kept k FULL JOIN counted n USING (organization_id, budget_id, subject, period_start)
   WHERE coalesce(k.spent, 0) <> coalesce(n.spent, 0) OR coalesce(k.matched_events, 0) <> coalesce(n.matched_events, 0)`;

const HELD = `
  SELECT organization_id, concat_ws(' ', budget_id, period_start, subject) AS of, coalesce(c.held, 0)::text AS kept,
         coalesce(r.held, 0)::text AS summed
    FROM budget_counters c FULL JOIN (
      SELECT h.organization_id, n.budget_id, n.subject, n.period_start, sum(n.amount) AS held
        FROM holds h
        CROSS JOIN LATERAL unnest(h.budget_ids, h.subjects, h.period_starts, h.reserved)
          AS n(budget_id, subject, period_start, amount)
       WHERE h.status = 'active' GROUP BY 1, 2, 3, 4) r USING (organization_id, budget_id, subject, period_start)
   WHERE coalesce(c.held, 0) <> coalesce(r.held, 0)`;

// Every crossing and every recovery has exactly one event, and there are no other events.
const CROSSINGS = `
  WITH crossed AS (
    SELECT organization_id, budget_id, subject, period_start, threshold, crossing AS crossings,
           CASE threshold WHEN 0 THEN crossing - (recovered_at IS NULL)::int ELSE 0 END AS recoveries
      FROM budget_crossings),
  told AS (
    SELECT organization_id, (data ->> 'budgetId')::uuid AS budget_id, coalesce(data ->> 'subject', '') AS subject,
           (data ->> 'periodStart')::timestamptz AS period_start, coalesce((data ->> 'threshold')::int, 0) AS threshold,
           count(*) FILTER (WHERE type <> 'budget.recovered') AS crossings,
           count(*) FILTER (WHERE type = 'budget.recovered') AS recoveries
      FROM events WHERE type IN ('usage.exceeded', 'budget.threshold_reached', 'budget.recovered')
     GROUP BY 1, 2, 3, 4, 5)
  SELECT organization_id, concat_ws(' ', budget_id, period_start, threshold || '%', subject) AS of,
         concat_ws(' ', c.crossings, c.recoveries) AS kept, concat_ws(' ', t.crossings, t.recoveries) AS summed
    FROM crossed c FULL JOIN told t USING (organization_id, budget_id, subject, period_start, threshold)
   WHERE (c.crossings, c.recoveries) IS DISTINCT FROM (t.crossings, t.recoveries)`;

// A counter that stands exceeded is looked at with every change of it; one that does not must not
// miss its recovery.
const EXCEEDED = `
  SELECT c.organization_id, concat_ws(' ', c.budget_id, c.period_start, c.subject) AS of, c.exceeded::text AS kept,
         (x.budget_id IS NOT NULL)::text AS summed
    FROM budget_counters c LEFT JOIN budget_crossings x
      ON x.organization_id = c.organization_id AND x.budget_id = c.budget_id AND x.subject = c.subject
     AND x.period_start = c.period_start AND x.threshold = 0 AND x.recovered_at IS NULL
   WHERE c.exceeded <> (x.budget_id IS NOT NULL)`;

const CHECKS: Readonly<Record<string, string>> = {
  budget_counters: COUNTERS,
  'budget_counters (held)': HELD,
  'budget_counters (exceeded)': EXCEEDED,
  budget_crossings: CROSSINGS,
};

/**
 * Adds up again what budgets keep: their counters from the ledger, what is held from the holds, and
 * what was crossed from its events; in one snapshot.
 * @returns the first difference of each kind that has one
 */
export async function verifyBudgets(database: Database): Promise<BudgetDifference[]> {
  return database.snapshot(async (sql) => {
    const differences: BudgetDifference[] = [];
    for (const [table, query] of Object.entries(CHECKS)) {
      const { rows } = await sql.query(`${query} ORDER BY 1, 2 LIMIT 1`);
      const row = rows[0];
      if (!row) continue;
      const { organization_id: organizationId, of, kept, summed } = row;
      differences.push({ table, organizationId, of, kept: kept || 'nothing', summed: summed || 'nothing' });
    }
    return differences;
  });
}
