-- Gives back what a hold reserves, if it still reserves anything, and answers the hold as it is
-- then. It answers nothing where there is no such hold, or where the hold is of a team other than
-- `for_team`.
CREATE OR REPLACE FUNCTION release_hold(organization uuid, released_hold uuid, for_team uuid, at timestamptz)
RETURNS SETOF holds LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  is_locked boolean;
  found_hold holds;
BEGIN
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;
  SELECT * INTO found_hold FROM holds h
   WHERE h.organization_id = organization AND h.id = released_hold AND (for_team IS NULL OR h.team_id = for_team);
  IF found_hold.id IS NULL THEN RETURN; END IF;
  IF found_hold.status = 'active' AND found_hold.expires_at <= at THEN
    PERFORM sweep_holds(organization, at);
    found_hold.status := 'expired';
  ELSIF found_hold.status = 'active' THEN
    IF cardinality(found_hold.budget_ids) = 1 AND found_hold.credit_amount = 0 THEN
      UPDATE budget_counters c SET held = c.held - coalesce(found_hold.reserved[1], 0)
       WHERE c.organization_id = organization AND c.budget_id = found_hold.budget_ids[1]
         AND c.subject = found_hold.subjects[1] AND c.period_start = found_hold.period_starts[1];
    ELSE
      PERFORM free_reservations(organization, ARRAY[released_hold]);
    END IF;
    UPDATE holds h SET status = 'released', closed_at = at
     WHERE h.organization_id = organization AND h.id = released_hold;
    found_hold.status := 'released';
  END IF;
  RETURN NEXT found_hold;
END $$;
