-- Queues a delivery of each new event for each enabled webhook that wants it, in the transaction of
-- the event: the trigger of events calls it, so no code that raises an event can forget it. Whoever
-- raises events holds the organization's lock, and so does whoever changes webhooks: an event
-- comes wholly before a change or wholly after it. The notice tells the process on this connection
-- that there are new events, once the transaction is committed: its sender and its subscribers look.
CREATE OR REPLACE FUNCTION queue_webhook_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  organization uuid;
BEGIN
  INSERT INTO webhook_deliveries (organization_id, id, webhook_id, event_id, event_type, next_attempt_at, created_at)
  SELECT e.organization_id, uuid_v7_at(e.created_at), w.id, e.id, e.type, e.created_at, e.created_at
    FROM raised e JOIN webhooks w ON w.organization_id = e.organization_id
   WHERE w.status = 'enabled' AND w.deleted_at IS NULL
     AND (w.event_types && ARRAY['*', e.type]) AND (w.team_id IS NULL OR w.team_id = e.team_id)
   ORDER BY e.position, w.id;
  FOR organization IN SELECT DISTINCT e.organization_id FROM raised e LOOP
    RAISE NOTICE USING ERRCODE = 'MT100', MESSAGE = 'events were raised', DETAIL = organization::text;
  END LOOP;
  RETURN NULL;
END $$;
