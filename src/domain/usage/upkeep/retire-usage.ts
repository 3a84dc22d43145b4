import { uuidFloor } from '../../../platform/ids.ts';
import type { Database, Sql } from '../../../platform/postgres/database.ts';
import { DAY_MS } from '../../../platform/time.ts';
import { adjustmentsOf, whereAdjusted } from '../adjust/adjustment-rows.ts';
import { foldUsage } from './fold-usage.ts';

/** Events that one transaction removes: short, so that writers of the organization hardly wait. */
const STEP_EVENTS = 5_000;

// What is removed is remembered by its id in the same statement, so a repeat is a repeat at every
// moment. Only events that are folded go: their sums by user and tag are kept. Of an event remains what it
// costs after all that changed its cost; those rows lie behind it, so none of them goes before it.
const STEP = `
  WITH old AS (
    SELECT organization_id, id FROM usage_events
     WHERE organization_id = $1 AND id < $2 AND position <= (SELECT position FROM usage_fold)
     ORDER BY id LIMIT $3),
  removed AS (
    DELETE FROM usage_events e USING old o WHERE e.organization_id = o.organization_id AND e.id = o.id
    RETURNING e.organization_id, e.event_id, e.id, e.body_hash, e.recorded_at, e.cost, e.adjusts_id),
  changed AS MATERIALIZED (
    SELECT a.adjusts_id, sum(a.cost) AS change FROM unnest(${whereAdjusted('$1', 'ARRAY(SELECT id FROM old)')}) AS of(id)
     CROSS JOIN LATERAL (${adjustmentsOf('$1', 'of.id')}) a GROUP BY 1),
  kept AS (
    INSERT INTO retired_usage_events (organization_id, event_id, id, body_hash, recorded_at, cost)
    SELECT r.organization_id, r.event_id, r.id, r.body_hash, r.recorded_at,
           CASE WHEN c.adjusts_id IS NULL THEN r.cost ELSE coalesce(r.cost, 0) + c.change END
      FROM removed r LEFT JOIN changed c ON c.adjusts_id = r.id WHERE r.adjusts_id IS NULL)
  SELECT count(*)::int AS removed FROM removed`;

interface Target {
  id: string;
  days: number;
}

async function listTargets(sql: Sql, defaultDays: number | null): Promise<Target[]> {
  const { rows } = await sql.query<Target>(
    'SELECT id, coalesce(retention_days, $1::int) AS days FROM organizations WHERE coalesce(retention_days, $1::int) IS NOT NULL',
    [defaultDays],
  );
  return rows;
}

async function retireStep(sql: Sql, { id }: Target, cutoffMs: number): Promise<number> {
  // The writers' lock of the organization: no repeat of an event is between its look-up and its
  // insert meanwhile.
  await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [id]);
  await sql.query(
    'UPDATE organizations SET retired_before = $2 WHERE id = $1 AND (retired_before IS NULL OR retired_before < $2)',
    [id, new Date(cutoffMs)],
  );
  const { rows } = await sql.query<{ removed: number }>(STEP, [id, uuidFloor(cutoffMs), STEP_EVENTS]);
  return rows[0]?.removed ?? 0;
}

/**
 * Removes raw events that are older than their organization's retention, in small steps. Sums stay
 * as they are, and the ids are never removed. Safe to stop and start again at any line, and to run
 * twice at once.
 * @param defaultDays for organizations without a retention of their own; null = they keep all
 * @param signal aborted: the step under way is rolled back, and the call rejects with the signal's
 * reason
 * @returns how many rows were removed
 */
export async function retireUsage(
  database: Database,
  defaultDays: number | null,
  nowMs: number,
  signal?: AbortSignal,
): Promise<number> {
  const targets = await listTargets(database.pool, defaultDays);
  if (targets.length === 0) return 0;
  await foldUsage(database, signal);
  let removed = 0;
  for (const target of targets) {
    // Whole UTC days only: what is removed is then wholly in the sums by user and tags.
    const cutoffMs = Math.floor((nowMs - target.days * DAY_MS) / DAY_MS) * DAY_MS;
    for (;;) {
      const step = await database.transaction((sql) => retireStep(sql, target, cutoffMs), { signal });
      removed += step;
      if (step < STEP_EVENTS) break;
    }
  }
  return removed;
}
