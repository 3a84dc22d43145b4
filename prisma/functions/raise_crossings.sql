-- Raises the events of the lines that these counters have crossed, each exactly once: a crossing is
-- a row whose key is unique. A limit that is no longer reached has recovered, which is raised once
-- too; when it is reached again after that, it is raised again, and `crossing` counts how often. A
-- counter's `exceeded` says that its limit was crossed and has not recovered; writers read it to
-- know whether they must call this at all. It runs in the transaction that changed the
-- counters or the limit, and its caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION raise_crossings(
  at timestamptz, counter_organizations uuid[], counter_budgets uuid[], counter_subjects text[],
  counter_starts timestamptz[]
) RETURNS void LANGUAGE sql AS $$
  WITH touched AS MATERIALIZED (
    SELECT c.organization_id, c.budget_id, c.subject, c.period_start, c.period_end, c.spent, b.unit, b.per,
           b.thresholds, budget_limit(b, at) AS maximum,
           coalesce(b.team_id, CASE WHEN b.per = 'team' THEN c.subject::uuid END) AS team_id
      FROM unnest(counter_organizations, counter_budgets, counter_subjects, counter_starts)
        AS k(organization_id, budget_id, subject, period_start)
      JOIN budget_counters c USING (organization_id, budget_id, subject, period_start)
      JOIN budgets b ON b.organization_id = c.organization_id AND b.id = c.budget_id AND b.ended_at IS NULL
       AND b.deleted_at IS NULL),
  crossed AS (
    INSERT INTO budget_crossings AS x (organization_id, budget_id, subject, period_start, threshold, crossed_at)
    SELECT t.organization_id, t.budget_id, t.subject, t.period_start, line.threshold, at
      FROM touched t CROSS JOIN LATERAL unnest(t.thresholds || 0) AS line(threshold)
     WHERE t.spent * 100 >= t.maximum * CASE line.threshold WHEN 0 THEN 100 ELSE line.threshold END
    ON CONFLICT (organization_id, budget_id, subject, period_start, threshold) DO UPDATE
       SET crossing = x.crossing + 1, crossed_at = excluded.crossed_at, recovered_at = NULL
     WHERE x.threshold = 0 AND x.recovered_at IS NOT NULL
    RETURNING organization_id, budget_id, subject, period_start, threshold, crossing),
  recovered AS (
    UPDATE budget_crossings x SET recovered_at = at FROM touched t
     WHERE x.organization_id = t.organization_id AND x.budget_id = t.budget_id AND x.subject = t.subject
       AND x.period_start = t.period_start AND x.threshold = 0 AND x.recovered_at IS NULL AND t.spent < t.maximum
    RETURNING x.organization_id, x.budget_id, x.subject, x.period_start, NULL::int AS threshold, x.crossing),
  happened AS (
    SELECT CASE threshold WHEN 0 THEN 'usage.exceeded' ELSE 'budget.threshold_reached' END AS kind, * FROM crossed
    UNION ALL
    SELECT 'budget.recovered', * FROM recovered),
  flagged AS (
    UPDATE budget_counters c SET exceeded = h.threshold IS NOT NULL FROM happened h
     WHERE c.organization_id = h.organization_id AND c.budget_id = h.budget_id AND c.subject = h.subject
       AND c.period_start = h.period_start AND coalesce(h.threshold, 0) = 0)
  INSERT INTO events (organization_id, id, type, created_at, team_id, data)
  SELECT t.organization_id, uuid_v7_at(at), h.kind, at, t.team_id,
         jsonb_build_object('budgetId', t.budget_id, 'teamId', t.team_id, 'unit', t.unit, 'limit', t.maximum::text,
           'current', t.spent::text, 'periodStart', to_json(t.period_start), 'periodEnd', to_json(t.period_end),
           'per', t.per, 'subject', CASE WHEN t.per IS NOT NULL THEN t.subject END, 'crossing', h.crossing)
         || CASE WHEN h.threshold > 0 THEN jsonb_build_object('threshold', h.threshold) ELSE '{}' END
    FROM happened h JOIN touched t USING (organization_id, budget_id, subject, period_start)
   ORDER BY t.organization_id, t.budget_id, t.subject, t.period_start, coalesce(nullif(h.threshold, 0), 1000000)
$$;
