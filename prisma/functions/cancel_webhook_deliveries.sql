-- Cancels what waits for webhooks that are disabled or deleted, in the order of the ids, in which
-- the sender locks what it has tried. The caller has changed the webhooks' rows already.
CREATE OR REPLACE FUNCTION cancel_webhook_deliveries(organization uuid, webhooks uuid[], at timestamptz)
RETURNS void LANGUAGE sql AS $$
  UPDATE webhook_deliveries d SET status = 'cancelled', next_attempt_at = NULL, finished_at = at FROM (
    SELECT q.organization_id, q.id FROM webhook_deliveries q
     WHERE q.organization_id = organization AND q.webhook_id = ANY (webhooks) AND q.status = 'pending'
     ORDER BY q.id FOR UPDATE) waiting
   WHERE d.organization_id = waiting.organization_id AND d.id = waiting.id
$$;
