-- Empties the grants that have expired and writes what they still had into the ledger of credits.
-- Readers leave an expired grant out by its time, so nothing depends on when this is called. The
-- caller holds the organization's lock.
CREATE OR REPLACE FUNCTION expire_grants(organization uuid, at timestamptz) RETURNS void LANGUAGE sql AS $$
  WITH gone AS (
    SELECT g.id, g.remaining FROM credit_grants g
     WHERE g.organization_id = organization AND g.expires_at <= at AND g.remaining > 0),
  emptied AS (
    UPDATE credit_grants g SET remaining = 0 FROM gone WHERE g.organization_id = organization AND g.id = gone.id)
  INSERT INTO credit_entries (organization_id, id, at, cause, amount, grant_id)
  SELECT organization, uuid_v7_at(at), at, 'expiry', -gone.remaining, gone.id FROM gone
$$;
