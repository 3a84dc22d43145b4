-- Empties the grants that have expired by a moment, and raises the events that follow from it. The
-- caller holds the organization's lock.
CREATE OR REPLACE FUNCTION expire_and_check_credits(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM credit_grants g
                  WHERE g.organization_id = organization AND g.expires_at <= at AND g.remaining > 0) THEN
    RETURN;
  END IF;
  PERFORM expire_grants(organization, at);
  IF EXISTS (SELECT FROM organizations o WHERE o.id = organization AND o.credits_mode = 'prepaid') THEN
    PERFORM raise_credit_events(organization, at);
  END IF;
END $$;
