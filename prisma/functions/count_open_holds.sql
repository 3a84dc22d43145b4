-- Lets a new budget count the holds that are open: each reserves there from then on, in the period
-- that it was made in, as if the budget had been there before it. The periods given are those that
-- a hold which is still open can have been made in. The caller holds the organization's lock, so no
-- hold is made or closed meanwhile; whoever makes one next has the newer list of budgets.
CREATE OR REPLACE FUNCTION count_open_holds(
  organization uuid, budget uuid, at timestamptz, starts timestamptz[], ends timestamptz[]
) RETURNS void LANGUAGE plpgsql
-- Each hold is found by its id, however many the organization ever had.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  late record;
BEGIN
  -- A counter of a period that began before the budget did starts from the ledger.
  FOR late IN
    SELECT p.period_start, p.period_end
      FROM unnest(starts, ends) AS p(period_start, period_end)
      JOIN budgets b ON b.organization_id = organization AND b.id = budget AND b.counted_from > p.period_start
     WHERE EXISTS (SELECT FROM holds h WHERE h.organization_id = organization AND h.status = 'active'
                      AND h.expires_at > at AND h.created_at >= p.period_start AND h.created_at < p.period_end)
  LOOP
    PERFORM rebuild_budget_counters(organization, budget, late.period_start, late.period_end);
  END LOOP;

  WITH matched AS MATERIALIZED (
    SELECT h.id, p.period_start, p.period_end, CASE r.unit WHEN 'usd' THEN h.amount ELSE h.tokens END AS amount,
           CASE WHEN r.per IS NULL THEN '' WHEN r.per = 'team' THEN h.team_id::text WHEN r.per = 'user' THEN h.user_id
                WHEN r.per = 'api_key' THEN h.api_key_id::text ELSE h.tags ->> substr(r.per, 5) END AS subject
      FROM budgets r
      JOIN holds h ON h.organization_id = r.organization_id AND h.status = 'active' AND h.expires_at > at
      JOIN unnest(starts, ends) AS p(period_start, period_end)
        ON h.created_at >= p.period_start AND h.created_at < p.period_end
     WHERE r.organization_id = organization AND r.id = budget
       AND (r.team_id IS NULL OR h.team_id = r.team_id) AND (r.user_id IS NULL OR h.user_id = r.user_id)
       AND (r.provider IS NULL OR h.provider = r.provider) AND (r.model IS NULL OR h.model = r.model)
       AND (r.api_key_id IS NULL OR h.api_key_id = r.api_key_id) AND (r.tags IS NULL OR h.tags @> r.tags)),
  noted AS (
    UPDATE holds h
       SET budget_ids = array_append(h.budget_ids, budget), subjects = array_append(h.subjects, m.subject),
           period_starts = array_append(h.period_starts, m.period_start),
           reserved = array_append(h.reserved, m.amount)
      FROM matched m WHERE h.organization_id = organization AND h.id = m.id AND m.subject IS NOT NULL)
  INSERT INTO budget_counters AS c (organization_id, budget_id, subject, period_start, period_end, spent, held)
  SELECT organization, budget, m.subject, m.period_start, m.period_end, 0, coalesce(sum(m.amount), 0)
    FROM matched m WHERE m.subject IS NOT NULL GROUP BY m.subject, m.period_start, m.period_end
  ON CONFLICT (organization_id, budget_id, period_start, subject) DO UPDATE SET held = c.held + excluded.held;
END $$;
