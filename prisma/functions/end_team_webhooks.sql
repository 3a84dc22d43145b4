-- Deletes the webhooks of a team that is deleted, cancels what waits for them, and returns them. The
-- caller holds the organization's lock.
CREATE OR REPLACE FUNCTION end_team_webhooks(organization uuid, team uuid, at timestamptz)
RETURNS TABLE (id uuid, url text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  ended uuid[];
BEGIN
  SELECT array_agg(w.id ORDER BY w.id) INTO ended FROM webhooks w
   WHERE w.organization_id = organization AND w.team_id = team AND w.deleted_at IS NULL;
  IF ended IS NULL THEN RETURN; END IF;
  RETURN QUERY
    UPDATE webhooks w SET deleted_at = at, sender = NULL, sender_until = NULL
     WHERE w.organization_id = organization AND w.id = ANY (ended)
    RETURNING w.id, w.url;
  PERFORM cancel_webhook_deliveries(organization, ended, at);
END $$;
