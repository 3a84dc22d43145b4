-- A lone event that budgets count goes the short way too: most organizations have a budget.

DROP FUNCTION record_one;

-- The same as record_usage for one plain event (no reverse, no hold, of an organization without prepaid credits): a lone
-- caller waits for a few plain statements instead of a plan made for a thousand rows. The lists are the counters that it
-- counts for, left out where there are none. Fails with MT001 when the caller's list of budgets is not the newest, and with
-- MT003 when the event is not that plain; nothing is stored then. Returns what is stored under the event's id where it
-- was known.
CREATE FUNCTION record_one(
  organization uuid, new_id uuid, new_event_id text, hash bytea, event_time timestamptz, recorded timestamptz,
  series int, input_count bigint, output_count bigint, cache_read_count bigint, cache_write_count bigint,
  cache_write_1h_count bigint, reasoning_count bigint, input_audio_count bigint, output_audio_count bigint,
  web_search_count bigint, event_cost numeric, own_cost numeric, source text, price uuid, reason text, user_name text,
  tag_object jsonb, metadata_object jsonb, warning_list jsonb, budgets_version bigint,
  at timestamptz DEFAULT NULL, budget_ids uuid[] DEFAULT NULL, counter_subjects text[] DEFAULT NULL,
  starts timestamptz[] DEFAULT NULL, ends timestamptz[] DEFAULT NULL, alarms numeric[] DEFAULT NULL,
  spents numeric[] DEFAULT NULL
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  is_locked boolean;
  kept organizations;
  -- What it adds to the sums.
  spent numeric := coalesce(event_cost, 0);
  unpriced int := CASE WHEN event_cost IS NULL THEN 1 ELSE 0 END;
  quarter timestamptz := date_bin('15 minutes', event_time, '2000-01-01Z');
  day timestamptz := date_trunc('day', event_time, 'UTC');
  is_crossing boolean;
  crossing int[];
  missing int[];
BEGIN
  is_locked := pg_advisory_xact_lock_shared(6384377010) IS NULL;
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;

  -- Under the lock nothing can become known between the look and the insert.
  INSERT INTO usage_events (
    organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
    output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
    metadata, warnings)
  SELECT
    organization, new_id, new_event_id, hash, event_time, recorded, series, 1, input_count, output_count,
    cache_read_count, cache_write_count, cache_write_1h_count, reasoning_count, input_audio_count, output_audio_count,
    web_search_count, event_cost, own_cost, source, price, reason, user_name, tag_object, metadata_object,
    warning_list
    FROM organizations o
   WHERE o.id = organization AND o.budget_version = budgets_version AND o.credits_mode = 'none'
     AND NOT EXISTS (SELECT FROM usage_events e
                      WHERE e.organization_id = organization AND e.event_id = new_event_id)
     AND (o.retired_before IS NULL OR NOT EXISTS (
           SELECT FROM retired_usage_events r WHERE r.organization_id = organization AND r.event_id = new_event_id));
  IF NOT FOUND THEN
    SELECT * INTO kept FROM organizations o WHERE o.id = organization;
    IF kept.budget_version IS DISTINCT FROM budgets_version THEN
      RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001';
    END IF;
    IF kept.credits_mode <> 'none' THEN RAISE EXCEPTION 'not a plain event' USING ERRCODE = 'MT003'; END IF;
    RETURN QUERY
      SELECT 1::bigint, e.id, e.body_hash, e.cost FROM usage_events e
       WHERE e.organization_id = organization AND e.event_id = new_event_id AND e.id <> new_id
      UNION ALL
      SELECT 1::bigint, r.id, r.body_hash, r.cost FROM retired_usage_events r
       WHERE r.organization_id = organization AND r.event_id = new_event_id;
    RETURN;
  END IF;

  UPDATE usage_quarter_hours q SET
    requests = q.requests + 1,
    input_tokens = q.input_tokens + input_count,
    output_tokens = q.output_tokens + output_count,
    cache_read_tokens = q.cache_read_tokens + cache_read_count,
    cache_write_tokens = q.cache_write_tokens + cache_write_count,
    reasoning_tokens = q.reasoning_tokens + reasoning_count,
    cost = q.cost + spent,
    unpriced_requests = q.unpriced_requests + unpriced
   WHERE q.organization_id = organization AND q.bucket = quarter AND q.series_id = series;
  IF NOT FOUND THEN
    INSERT INTO usage_quarter_hours
    VALUES (organization, quarter, series, 1, input_count, output_count, cache_read_count, cache_write_count,
            reasoning_count, spent, unpriced);
  END IF;
  UPDATE usage_days d SET
    requests = d.requests + 1,
    input_tokens = d.input_tokens + input_count,
    output_tokens = d.output_tokens + output_count,
    cache_read_tokens = d.cache_read_tokens + cache_read_count,
    cache_write_tokens = d.cache_write_tokens + cache_write_count,
    reasoning_tokens = d.reasoning_tokens + reasoning_count,
    cost = d.cost + spent,
    unpriced_requests = d.unpriced_requests + unpriced
   WHERE d.organization_id = organization AND d.bucket = day AND d.series_id = series;
  IF NOT FOUND THEN
    INSERT INTO usage_days
    VALUES (organization, day, series, 1, input_count, output_count, cache_read_count, cache_write_count, reasoning_count,
            spent, unpriced);
  END IF;

  -- As count_recorded does for many: a counter that is there and comes to nothing is one update.
  IF budget_ids IS NULL THEN RETURN; END IF;
  FOR n IN 1 .. cardinality(budget_ids) LOOP
    UPDATE budget_counters c SET spent = c.spent + spents[n], matched_events = c.matched_events + 1
     WHERE c.organization_id = organization AND c.budget_id = budget_ids[n] AND c.subject = counter_subjects[n]
       AND c.period_start = starts[n]
    RETURNING c.spent >= alarms[n] OR c.exceeded INTO is_crossing;
    IF NOT FOUND THEN missing := missing || n;
    ELSIF is_crossing THEN crossing := crossing || n;
    END IF;
  END LOOP;
  IF crossing IS NOT NULL THEN
    PERFORM raise_crossings(at, array_agg(organization), array_agg(budget_ids[m.n]), array_agg(counter_subjects[m.n]),
      array_agg(starts[m.n])) FROM unnest(crossing) AS m(n);
  END IF;
  IF missing IS NOT NULL THEN
    PERFORM count_recorded(at, array_agg(organization), array_agg(budget_ids[m.n]), array_agg(counter_subjects[m.n]),
      array_agg(starts[m.n]), array_agg(ends[m.n]), array_agg(alarms[m.n]), array_agg(spents[m.n]),
      array_agg(1::bigint)) FROM unnest(missing) AS m(n);
  END IF;
END $$;
