-- Does what record_usage does, for one plain event: it reverses nothing, settles no hold, and its
-- organization has no prepaid credits. Someone waits for a lone event, so it runs a few plain
-- statements instead of a plan that is made for a thousand rows. The `counter_` lists are the
-- budget counters that the event counts for; they are left out, `at` with them, where there are
-- none.
-- It fails with MT001 when the caller's list of budgets is not the newest, and with MT003 when the
-- organization's credits are prepaid; nothing is stored then. It returns what is stored under the
-- event's response id or event id where one was known, and no row where the event was stored.
CREATE OR REPLACE FUNCTION record_one(
  organization uuid, new_id uuid, new_event_id text, new_body_hash bytea, new_time timestamptz,
  new_recorded_at timestamptz, new_series_id int, new_input_tokens bigint, new_output_tokens bigint,
  new_cache_read_tokens bigint, new_cache_write_tokens bigint, new_cache_write_1h_tokens bigint,
  new_reasoning_tokens bigint, new_input_audio_tokens bigint, new_output_audio_tokens bigint, new_web_searches bigint,
  new_cost numeric, new_computed_cost numeric, new_cost_source text, new_price_id uuid, new_unpriced_reason text,
  new_user_id text, new_tags jsonb, new_metadata jsonb, new_warnings jsonb, new_response_id text,
  new_details jsonb, known_budget_version bigint,
  at timestamptz DEFAULT NULL, counter_budgets uuid[] DEFAULT NULL, counter_subjects text[] DEFAULT NULL,
  counter_starts timestamptz[] DEFAULT NULL, counter_ends timestamptz[] DEFAULT NULL,
  counter_alarms numeric[] DEFAULT NULL, counter_spents numeric[] DEFAULT NULL
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric, is_same_call boolean)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  is_locked boolean;
  kept organizations;
  first_event_id text;
  -- These are what the event adds to the sums.
  spent numeric := coalesce(new_cost, 0);
  unpriced int := CASE WHEN new_cost IS NULL THEN 1 ELSE 0 END;
  quarter timestamptz := date_bin('15 minutes', new_time, '2000-01-01Z');
  day timestamptz := date_trunc('day', new_time, 'UTC');
  is_crossing boolean;
  crossing int[];
  missing int[];
BEGIN
  is_locked := pg_advisory_xact_lock_shared(6384377010) IS NULL;
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;

  -- Under the lock no id can become known between the look and the insert.
  INSERT INTO usage_events (
    organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
    output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
    metadata, warnings, details)
  SELECT
    organization, new_id, new_event_id, new_body_hash, new_time, new_recorded_at, new_series_id, 1, new_input_tokens,
    new_output_tokens, new_cache_read_tokens, new_cache_write_tokens, new_cache_write_1h_tokens, new_reasoning_tokens,
    new_input_audio_tokens, new_output_audio_tokens, new_web_searches, new_cost, new_computed_cost, new_cost_source,
    new_price_id, new_unpriced_reason, new_user_id, new_tags, new_metadata, new_warnings, new_details
    FROM organizations o
   WHERE o.id = organization AND o.budget_version = known_budget_version AND o.credits_mode = 'none'
     AND NOT EXISTS (SELECT FROM usage_events e
                      WHERE e.organization_id = organization AND e.event_id = new_event_id)
     AND (o.retired_before IS NULL OR NOT EXISTS (
           SELECT FROM retired_usage_events r WHERE r.organization_id = organization AND r.event_id = new_event_id))
     AND (new_response_id IS NULL OR NOT EXISTS (
           SELECT FROM usage_responses u WHERE u.organization_id = organization AND u.response_id = new_response_id));
  IF NOT FOUND THEN
    SELECT * INTO kept FROM organizations o WHERE o.id = organization;
    IF kept.budget_version IS DISTINCT FROM known_budget_version THEN
      RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001';
    END IF;
    IF kept.credits_mode <> 'none' THEN RAISE EXCEPTION 'not a plain event' USING ERRCODE = 'MT003'; END IF;
    IF new_response_id IS NOT NULL THEN
      SELECT u.event_id INTO first_event_id FROM usage_responses u
       WHERE u.organization_id = organization AND u.response_id = new_response_id;
    END IF;
    RETURN QUERY
      SELECT 1::bigint, e.id, e.body_hash, e.cost, first_event_id IS NOT NULL FROM usage_events e
       WHERE e.organization_id = organization AND e.event_id = coalesce(first_event_id, new_event_id)
         AND e.id <> new_id
      UNION ALL
      SELECT 1::bigint, r.id, r.body_hash, r.cost, first_event_id IS NOT NULL FROM retired_usage_events r
       WHERE r.organization_id = organization AND r.event_id = coalesce(first_event_id, new_event_id);
    RETURN;
  END IF;
  IF new_response_id IS NOT NULL THEN
    INSERT INTO usage_responses (organization_id, response_id, event_id)
    VALUES (organization, new_response_id, new_event_id);
  END IF;

  UPDATE usage_quarter_hours q SET
    requests = q.requests + 1,
    input_tokens = add_counts(q.input_tokens, new_input_tokens),
    output_tokens = add_counts(q.output_tokens, new_output_tokens),
    cache_read_tokens = add_counts(q.cache_read_tokens, new_cache_read_tokens),
    cache_write_tokens = add_counts(q.cache_write_tokens, new_cache_write_tokens),
    reasoning_tokens = add_counts(q.reasoning_tokens, new_reasoning_tokens),
    cost = q.cost + spent,
    unpriced_requests = q.unpriced_requests + unpriced
   WHERE q.organization_id = organization AND q.bucket = quarter AND q.series_id = new_series_id;
  IF NOT FOUND THEN
    INSERT INTO usage_quarter_hours (
      organization_id, bucket, series_id, requests, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
      reasoning_tokens, cost, unpriced_requests)
    VALUES (organization, quarter, new_series_id, 1, new_input_tokens, new_output_tokens, new_cache_read_tokens,
            new_cache_write_tokens, new_reasoning_tokens, spent, unpriced);
  END IF;
  UPDATE usage_days d SET
    requests = d.requests + 1,
    input_tokens = add_counts(d.input_tokens, new_input_tokens),
    output_tokens = add_counts(d.output_tokens, new_output_tokens),
    cache_read_tokens = add_counts(d.cache_read_tokens, new_cache_read_tokens),
    cache_write_tokens = add_counts(d.cache_write_tokens, new_cache_write_tokens),
    reasoning_tokens = add_counts(d.reasoning_tokens, new_reasoning_tokens),
    cost = d.cost + spent,
    unpriced_requests = d.unpriced_requests + unpriced
   WHERE d.organization_id = organization AND d.bucket = day AND d.series_id = new_series_id;
  IF NOT FOUND THEN
    INSERT INTO usage_days (
      organization_id, bucket, series_id, requests, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
      reasoning_tokens, cost, unpriced_requests)
    VALUES (organization, day, new_series_id, 1, new_input_tokens, new_output_tokens, new_cache_read_tokens,
            new_cache_write_tokens, new_reasoning_tokens, spent, unpriced);
  END IF;

  IF new_unpriced_reason IS NOT NULL THEN
    PERFORM raise_unpriced(coalesce(at, new_recorded_at), ARRAY[organization], ARRAY[new_series_id],
      ARRAY[new_unpriced_reason], ARRAY[new_id]);
  END IF;

  -- This is count_recorded for one event: a counter that exists and crosses nothing costs one
  -- update.
  IF counter_budgets IS NULL THEN RETURN; END IF;
  FOR n IN 1 .. cardinality(counter_budgets) LOOP
    UPDATE budget_counters c SET spent = c.spent + counter_spents[n], matched_events = c.matched_events + 1
     WHERE c.organization_id = organization AND c.budget_id = counter_budgets[n] AND c.subject = counter_subjects[n]
       AND c.period_start = counter_starts[n]
    RETURNING c.spent >= counter_alarms[n] OR c.exceeded INTO is_crossing;
    IF NOT FOUND THEN missing := missing || n;
    ELSIF is_crossing THEN crossing := crossing || n;
    END IF;
  END LOOP;
  IF crossing IS NOT NULL THEN
    PERFORM raise_crossings(at, array_agg(organization), array_agg(counter_budgets[m.n]),
      array_agg(counter_subjects[m.n]), array_agg(counter_starts[m.n]))
      FROM unnest(crossing) AS m(n);
  END IF;
  IF missing IS NOT NULL THEN
    PERFORM count_recorded(at, array_agg(organization), array_agg(counter_budgets[m.n]),
      array_agg(counter_subjects[m.n]), array_agg(counter_starts[m.n]), array_agg(counter_ends[m.n]),
      array_agg(counter_alarms[m.n]), array_agg(counter_spents[m.n]), array_agg(1::bigint))
      FROM unnest(missing) AS m(n);
  END IF;
END $$;
