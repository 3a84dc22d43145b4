import type { Database } from '../../platform/postgres/database.ts';

/** One thing about credits that is not what it is made of. Texts, as the database has them. */
export interface CreditDifference {
  table: string;
  organizationId: string;
  /** The grant, usage event or hold; empty where it is the whole organization. */
  of: string;
  kept: string;
  summed: string;
}

const BALANCES = `
  SELECT organization_id, '' AS of,
         (coalesce(g.remaining, 0) - coalesce(a.overdraft, 0))::text AS kept, coalesce(e.balance, 0)::text AS summed
    FROM credit_accounts a
    FULL JOIN (SELECT organization_id, sum(remaining) AS remaining FROM credit_grants GROUP BY 1) g USING (organization_id)
    FULL JOIN (SELECT organization_id, sum(amount) AS balance FROM credit_entries GROUP BY 1) e USING (organization_id)
   WHERE coalesce(g.remaining, 0) - coalesce(a.overdraft, 0) <> coalesce(e.balance, 0)`;

const HELD = `
  SELECT organization_id, '' AS of, coalesce(a.held, 0)::text AS kept, coalesce(h.held, 0)::text AS summed
    FROM credit_accounts a
    FULL JOIN (SELECT organization_id, sum(credit_amount) AS held FROM holds WHERE status = 'active' GROUP BY 1) h
      USING (organization_id)
   WHERE coalesce(a.held, 0) <> coalesce(h.held, 0)`;

const GRANTS = `
  SELECT organization_id, id::text AS of, g.amount::text AS kept, coalesce(e.amount, 0)::text AS summed
    FROM credit_grants g
    FULL JOIN (SELECT organization_id, grant_id AS id, sum(amount) AS amount FROM credit_entries
                WHERE cause = 'grant' GROUP BY 1, 2) e USING (organization_id, id)
   WHERE g.amount IS DISTINCT FROM e.amount OR g.remaining NOT BETWEEN 0 AND g.amount`;

// Retention removes events, never entries: those of removed events are taken as they are.
const CHARGES = `
  SELECT e.organization_id, e.usage_event_id::text AS of, sum(e.amount)::text AS kept, min(-coalesce(u.cost, 0))::text AS summed
    FROM credit_entries e
    JOIN usage_events u ON u.organization_id = e.organization_id AND u.id = e.usage_event_id
   WHERE e.cause IN ('usage', 'hold_settled', 'void')
   GROUP BY 1, 2 HAVING count(*) > 1 OR sum(e.amount) IS DISTINCT FROM min(-coalesce(u.cost, 0))`;

// A void whose event took credits has given them back, whatever the organization's mode was.
const VOIDS = `
  SELECT v.organization_id, v.id::text AS of, 'nothing' AS kept, (-v.cost)::text AS summed
    FROM credit_entries e
    JOIN usage_events v ON v.organization_id = e.organization_id AND v.voids_id = e.usage_event_id AND v.cost <> 0
   WHERE e.cause IN ('usage', 'hold_settled') AND NOT EXISTS (
     SELECT FROM credit_entries c WHERE c.organization_id = v.organization_id AND c.usage_event_id = v.id)`;

// A change of the cost of an event that credits paid for was charged, and of no other event.
const ADJUSTMENTS = `
  SELECT organization_id, usage_event_id::text AS of, coalesce(c.amount, 0)::text AS kept,
         coalesce(-a.cost, 0)::text AS summed
    FROM (SELECT organization_id, usage_event_id, sum(amount) AS amount FROM credit_entries
           WHERE cause = 'price_adjustment' GROUP BY 1, 2) c
    FULL JOIN (
      SELECT organization_id, adjusts_id AS usage_event_id, sum(cost) AS cost FROM usage_events a
       WHERE adjusts_id IS NOT NULL AND EXISTS (
         SELECT FROM credit_entries e
          WHERE e.organization_id = a.organization_id AND e.usage_event_id = a.adjusts_id
            AND e.cause IN ('usage', 'hold_settled'))
       GROUP BY 1, 2) a USING (organization_id, usage_event_id)
   WHERE coalesce(c.amount, 0) <> coalesce(-a.cost, 0) AND (a.cost IS NOT NULL OR EXISTS (
     SELECT FROM usage_events u WHERE u.organization_id = c.organization_id AND u.id = c.usage_event_id))`;

const CHECKS: Readonly<Record<string, string>> = {
  'credit_grants (balance)': BALANCES,
  'credit_accounts (held)': HELD,
  credit_grants: GRANTS,
  credit_entries: CHARGES,
  'credit_entries (voids)': VOIDS,
  'credit_entries (adjustments)': ADJUSTMENTS,
};

/**
 * Adds the ledger of credits up again and compares it with what grants and accounts keep, what is
 * held with the active holds, and what usage was charged with what it cost; in one snapshot.
 * @returns the first difference of each kind that has one
 */
export async function verifyCredits(database: Database): Promise<CreditDifference[]> {
  return database.snapshot(async (sql) => {
    const differences: CreditDifference[] = [];
    for (const [table, query] of Object.entries(CHECKS)) {
      const { rows } = await sql.query(`${query} ORDER BY 1, 2 LIMIT 1`);
      const row = rows[0];
      if (!row) continue;
      const { organization_id: organizationId, of, kept, summed } = row;
      differences.push({ table, organizationId, of, kept, summed });
    }
    return differences;
  });
}
