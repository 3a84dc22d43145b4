-- Takes the webhooks that have something due, each for one sender until `lease_until`, and returns
-- the first of what is due, in order: of each webhook at most its number in `wanted`, and one row
-- without a delivery where nothing is due. A webhook that another sender has is left to it, so one
-- sender at a time keeps the order of a webhook's events. It renews the lease by the same call; a
-- sender that died is followed by another one once its lease is over. `in_flight` are deliveries that
-- this sender has already. A webhook of which nothing more is due is given back, unless it is one of
-- `busy`. Rows that somebody is changing are skipped, since the sender asks again.
CREATE OR REPLACE FUNCTION claim_webhook_deliveries(
  at timestamptz, claimer uuid, lease_until timestamptz, organizations uuid[], ids uuid[], wanted int[],
  in_flight uuid[], busy uuid[]
) RETURNS TABLE (
  organization_id uuid, id uuid, webhook_id uuid, event_id uuid, event_type text, tries int,
  url text, format text, secret bytea, previous_secret bytea, previous_secret_until timestamptz,
  event_created_at timestamptz, event_data jsonb, budget_name text
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  UPDATE webhooks w SET sender = claimer, sender_until = lease_until FROM (
    SELECT f.organization_id, f.id FROM webhooks f
     WHERE (f.organization_id, f.id) IN (SELECT k.organization, k.id FROM unnest(organizations, ids) AS k(organization, id))
       AND f.status = 'enabled' AND f.deleted_at IS NULL
       AND (f.sender IS NULL OR f.sender = claimer OR f.sender_until <= at)
     ORDER BY f.organization_id, f.id FOR NO KEY UPDATE SKIP LOCKED) free
   WHERE w.organization_id = free.organization_id AND w.id = free.id;
  -- A statement of its own: it sees what the sender before this one has written.
  RETURN QUERY
    SELECT w.organization_id, d.id, w.id, d.event_id, d.event_type, jsonb_array_length(d.attempts),
           w.url, w.format::text, w.secret, w.previous_secret, w.previous_secret_until,
           e.created_at, e.data,
           CASE WHEN w.format = 'slack' THEN (
             SELECT b.name FROM budgets b
              WHERE b.organization_id = e.organization_id AND b.id = (e.data ->> 'budgetId')::uuid) END
      FROM unnest(organizations, ids, wanted) AS k(organization, id, wanted)
      JOIN webhooks w ON w.organization_id = k.organization AND w.id = k.id AND w.sender = claimer AND w.sender_until >= lease_until
      LEFT JOIN LATERAL (
        SELECT * FROM webhook_deliveries q
         WHERE q.organization_id = w.organization_id AND q.webhook_id = w.id AND q.status = 'pending'
           AND q.next_attempt_at <= at AND q.id <> ALL (in_flight)
         ORDER BY q.next_attempt_at, q.position LIMIT k.wanted) d ON true
      LEFT JOIN events e ON e.organization_id = d.organization_id AND e.id = d.event_id
     ORDER BY w.organization_id, w.id, d.next_attempt_at, d.position;
  UPDATE webhooks w SET sender = NULL, sender_until = NULL FROM (
    SELECT i.organization_id, i.id FROM webhooks i
     WHERE (i.organization_id, i.id) IN (SELECT k.organization, k.id FROM unnest(organizations, ids) AS k(organization, id))
       AND i.sender = claimer AND i.id <> ALL (busy)
       AND NOT EXISTS (
         SELECT FROM webhook_deliveries q WHERE q.organization_id = i.organization_id AND q.webhook_id = i.id
            AND q.status = 'pending' AND q.next_attempt_at <= at AND q.id <> ALL (in_flight))
     ORDER BY i.organization_id, i.id FOR NO KEY UPDATE) idle
   WHERE w.organization_id = idle.organization_id AND w.id = idle.id;
END $$;
