-- The same as record_usage for one plain event (no reverse, no hold, counted by no budget, of an organization without
-- prepaid credits): a lone caller waits for a few plain statements instead of a plan made for a thousand rows. Fails
-- with MT001 when the caller's list of budgets is not the newest, and with MT003 when the event is not that plain;
-- nothing is stored then. Returns what is stored under the event's id where it was known.
CREATE FUNCTION record_one(
  organization uuid, new_id uuid, new_event_id text, hash bytea, event_time timestamptz, recorded timestamptz,
  series int, input_count bigint, output_count bigint, cache_read_count bigint, cache_write_count bigint,
  cache_write_1h_count bigint, reasoning_count bigint, input_audio_count bigint, output_audio_count bigint,
  web_search_count bigint, event_cost numeric, own_cost numeric, source text, price uuid, reason text, user_name text,
  tag_object jsonb, metadata_object jsonb, warning_list jsonb, budgets_version bigint
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  kept_version bigint;
  mode text;
  is_stored boolean := false;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(6384377010);
  PERFORM pg_advisory_xact_lock(hashtextextended(organization::text, 0));
  SELECT o.budget_version, o.credits_mode::text INTO kept_version, mode FROM organizations o WHERE o.id = organization;
  IF kept_version <> budgets_version THEN
    RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001';
  END IF;
  IF mode <> 'none' THEN RAISE EXCEPTION 'not a plain event' USING ERRCODE = 'MT003'; END IF;

  IF NOT EXISTS (SELECT FROM retired_usage_events r
                  WHERE r.organization_id = organization AND r.event_id = new_event_id) THEN
    INSERT INTO usage_events (
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
      metadata, warnings)
    VALUES (
      organization, new_id, new_event_id, hash, event_time, recorded, series, 1, input_count, output_count,
      cache_read_count, cache_write_count, cache_write_1h_count, reasoning_count, input_audio_count, output_audio_count,
      web_search_count, event_cost, own_cost, source, price, reason, user_name, tag_object, metadata_object,
      warning_list)
    ON CONFLICT (organization_id, event_id) DO NOTHING;
    is_stored := FOUND;
  END IF;
  IF NOT is_stored THEN
    RETURN QUERY
      SELECT 1::bigint, e.id, e.body_hash, e.cost FROM usage_events e
       WHERE e.organization_id = organization AND e.event_id = new_event_id AND e.id <> new_id
      UNION ALL
      SELECT 1::bigint, r.id, r.body_hash, r.cost FROM retired_usage_events r
       WHERE r.organization_id = organization AND r.event_id = new_event_id;
    RETURN;
  END IF;

  INSERT INTO usage_quarter_hours AS q
  VALUES (organization, date_bin('15 minutes', event_time, '2000-01-01Z'), series, 1, input_count, output_count, cache_read_count, cache_write_count,
          reasoning_count, coalesce(event_cost, 0), CASE WHEN event_cost IS NULL THEN 1 ELSE 0 END)
  ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
    requests = q.requests + excluded.requests,
    input_tokens = q.input_tokens + excluded.input_tokens,
    output_tokens = q.output_tokens + excluded.output_tokens,
    cache_read_tokens = q.cache_read_tokens + excluded.cache_read_tokens,
    cache_write_tokens = q.cache_write_tokens + excluded.cache_write_tokens,
    reasoning_tokens = q.reasoning_tokens + excluded.reasoning_tokens,
    cost = q.cost + excluded.cost,
    unpriced_requests = q.unpriced_requests + excluded.unpriced_requests;
  INSERT INTO usage_days AS d
  VALUES (organization, date_trunc('day', event_time, 'UTC'), series, 1, input_count, output_count, cache_read_count, cache_write_count,
          reasoning_count, coalesce(event_cost, 0), CASE WHEN event_cost IS NULL THEN 1 ELSE 0 END)
  ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
    requests = d.requests + excluded.requests,
    input_tokens = d.input_tokens + excluded.input_tokens,
    output_tokens = d.output_tokens + excluded.output_tokens,
    cache_read_tokens = d.cache_read_tokens + excluded.cache_read_tokens,
    cache_write_tokens = d.cache_write_tokens + excluded.cache_write_tokens,
    reasoning_tokens = d.reasoning_tokens + excluded.reasoning_tokens,
    cost = d.cost + excluded.cost,
    unpriced_requests = d.unpriced_requests + excluded.unpriced_requests;
END $$;
