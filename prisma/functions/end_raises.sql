-- Announces what the raises of an organization uncover that have run out, each once. Whoever reads
-- budgets or their events calls it first, a job calls it every minute, and a change of budgets
-- calls it before it does anything: so all agree, whoever comes first. It takes the organization's
-- lock only where there is something to announce, and looks again under it, so of several callers
-- one announces. A period that had ended before the raise did is left as it was.
CREATE OR REPLACE FUNCTION end_raises(organization uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  due uuid[];
BEGIN
  IF NOT EXISTS (
    SELECT FROM budgets b WHERE b.organization_id = organization AND b.raise_until <= at AND NOT b.raise_ended
       AND b.ended_at IS NULL AND b.deleted_at IS NULL) THEN
    RETURN;
  END IF;
  PERFORM lock_organization(organization);
  SELECT array_agg(b.id) INTO due FROM budgets b
   WHERE b.organization_id = organization AND b.raise_until <= at AND NOT b.raise_ended
     AND b.ended_at IS NULL AND b.deleted_at IS NULL;
  IF due IS NULL THEN RETURN; END IF;
  PERFORM raise_crossings(at, array_agg(c.organization_id), array_agg(c.budget_id), array_agg(c.subject),
                          array_agg(c.period_start))
    FROM budgets b JOIN budget_counters c ON c.organization_id = b.organization_id AND c.budget_id = b.id
   WHERE b.organization_id = organization AND b.id = ANY (due) AND c.period_end > b.raise_until;
  UPDATE budgets b SET raise_ended = true WHERE b.organization_id = organization AND b.id = ANY (due);
END $$;
