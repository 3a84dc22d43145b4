-- Lets the open holds of an organization that has just turned prepaid reserve credits, as those do
-- that are made from then on, and raises the events that follow from its balance. A hold that still
-- reserves credits, from an earlier time as prepaid, reserves no more; neither does one without a
-- known cost. The caller holds the organization's lock, which whoever makes or closes a hold takes.
CREATE OR REPLACE FUNCTION reserve_open_holds(organization uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
  WITH reserved AS (
    UPDATE holds h SET credit_amount = h.amount
     WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at > at AND h.credit_amount = 0
       AND h.amount > 0
    RETURNING h.amount)
  INSERT INTO credit_accounts AS a (organization_id, held)
  SELECT organization, sum(r.amount) FROM reserved r HAVING count(*) > 0
  ON CONFLICT (organization_id) DO UPDATE SET held = a.held + excluded.held;
  PERFORM expire_grants(organization, at);
  PERFORM raise_credit_events(organization, at);
END $$;
