-- Raises credits.low (a tenth of the living grants is left) and credits.exhausted (nothing is
-- left), each once for every time that it comes to it. What is held is not used yet, so holds come
-- and go without events. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION raise_credit_events(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  account credit_accounts;
  balance numeric;
  granted numeric;
  is_low boolean;
  is_exhausted boolean;
  payload jsonb;
BEGIN
  -- An organization that never had credits and never used any has not come to the end of them.
  IF NOT EXISTS (SELECT FROM credit_entries e WHERE e.organization_id = organization AND e.amount <> 0) THEN RETURN; END IF;
  PERFORM sweep_holds(organization, at);
  INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
  SELECT * INTO account FROM credit_accounts a WHERE a.organization_id = organization;
  balance := available_credits(organization) + account.held;
  SELECT coalesce(sum(g.amount), 0) INTO granted FROM credit_grants g
   WHERE g.organization_id = organization AND (g.expires_at IS NULL OR g.expires_at > at);
  is_low := balance * 10 <= granted;
  is_exhausted := balance <= 0;
  payload := jsonb_build_object('available', (balance - account.held)::text, 'granted', granted::text);
  IF is_low AND NOT account.low THEN PERFORM raise_event(organization, at, 'credits.low', NULL, payload); END IF;
  IF is_exhausted AND NOT account.exhausted THEN
    PERFORM raise_event(organization, at, 'credits.exhausted', NULL, payload);
  END IF;
  IF (account.low, account.exhausted) IS DISTINCT FROM (is_low, is_exhausted) THEN
    UPDATE credit_accounts a SET low = is_low, exhausted = is_exhausted WHERE a.organization_id = organization;
  END IF;
END $$;
