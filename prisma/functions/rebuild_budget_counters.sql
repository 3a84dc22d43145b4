-- Sets the counters of one period of a budget to what the ledger says; what is held stays as it is.
-- The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION rebuild_budget_counters(
  organization uuid, budget uuid, from_time timestamptz, to_time timestamptz
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO budget_counters AS c
         (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
  SELECT organization, budget, n.subject, from_time, to_time, n.spent, n.matched
    FROM count_budget(organization, budget, from_time, to_time) n
  ON CONFLICT (organization_id, budget_id, period_start, subject)
  DO UPDATE SET spent = excluded.spent, matched_events = excluded.matched_events
$$;
