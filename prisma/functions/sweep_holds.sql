-- Closes the holds whose time is over. Readers leave them out by their time, so nothing waits for
-- this. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION sweep_holds(organization uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  swept uuid[];
BEGIN
  SELECT array_agg(h.id) INTO swept FROM holds h
   WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at <= at;
  IF swept IS NULL THEN RETURN; END IF;
  PERFORM free_reservations(organization, swept);
  UPDATE holds h SET status = 'expired', closed_at = h.expires_at
   WHERE h.organization_id = organization AND h.id = ANY (swept);
END $$;
