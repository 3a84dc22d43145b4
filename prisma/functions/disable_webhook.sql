-- Disables a webhook whose deliveries fail: cancels what waits, and raises webhook.disabled. With
-- the reason `failing` only where no delivery to it has succeeded since `since`. Returns whether it did.
-- The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION disable_webhook(
  organization uuid, webhook uuid, at timestamptz, reason webhook_disabled_reason, since timestamptz, last_status int
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  disabled webhooks;
BEGIN
  IF reason = 'failing' AND EXISTS (
    SELECT FROM webhook_deliveries d WHERE d.organization_id = organization AND d.webhook_id = webhook
       AND d.status = 'succeeded' AND d.finished_at >= since) THEN
    RETURN false;
  END IF;
  UPDATE webhooks w SET status = 'disabled', disabled_reason = reason, updated_at = at, sender = NULL, sender_until = NULL
   WHERE w.organization_id = organization AND w.id = webhook AND w.status = 'enabled' AND w.deleted_at IS NULL
  RETURNING * INTO disabled;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM cancel_webhook_deliveries(organization, ARRAY[webhook], at);
  PERFORM raise_event(organization, at, 'webhook.disabled', disabled.team_id, jsonb_build_object(
    'webhookId', webhook, 'url', disabled.url, 'reason', reason, 'lastStatusCode', last_status));
  RETURN true;
END $$;
