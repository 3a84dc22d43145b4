-- Stores usage events once each, with their sums and all that depends on them (budgets, holds,
-- credits, and the events which these raise), in the caller's transaction. There is one advisory
-- lock for each organization; they are taken in the order given, which the caller sorts. So writers
-- of one organization write one at a time: no id is stored between the look-up and the insert, sums
-- cannot deadlock, and "position" is commit order within the organization. Each statement below
-- takes a new snapshot, so it sees what the writer before committed. It fails with MT001 when a
-- caller's list of budgets is not the newest (the caller reads it again and repeats), and with
-- MT002 when credits that an event requires are missing; nothing is stored then. Required credits
-- that are NaN are those of an event without a known cost.
--
-- `are_new` says that the caller assumes all event ids and response ids to be new, so they are not
-- looked up, which saves a tenth of the time. If one is stored all the same, the insert fails with
-- unique_violation, nothing is stored, and the caller asks again with false.
--
-- A response id is the provider's own id of the answer: one answer is one event. An event whose
-- response id is known is not stored, whatever else it says; the hold that it names is settled by
-- the event that was recorded first.
--
-- An event id comes once in a call, and so does a response id that is not known yet. Where all rows
-- share a value, its list may have one element.
-- A count that is null is 0 (1 for requests), and a null list of computed costs means that they are
-- the costs. The `sum_` lists are the events' sums by quarter hour and series, the `day_` lists by
-- UTC day and series, and the `counter_` lists by budget counter. `set_numbers` is each event's set
-- of counters (0: it has none), and the `pair_` lists say which counters a set has. It returns the
-- events that were not stored because their event id or their response id was known, each with what
-- is stored under that id, and whether it was the response id.
CREATE OR REPLACE FUNCTION record_usage(
  locked_organizations uuid[], known_budget_versions bigint[], at timestamptz, required_credits numeric,
  are_new boolean,
  organization_ids uuid[], ids uuid[], event_ids text[], body_hashes bytea[], times timestamptz[],
  recorded_ats timestamptz[], series_ids int[], request_counts smallint[], input_counts bigint[],
  output_counts bigint[], cache_read_counts bigint[], cache_write_counts bigint[], cache_write_1h_counts bigint[],
  reasoning_counts bigint[], input_audio_counts bigint[], output_audio_counts bigint[], web_search_counts bigint[],
  costs numeric[], computed_costs numeric[], cost_sources text[], price_ids uuid[], unpriced_reasons text[],
  user_ids text[], tag_objects jsonb[], metadata_objects jsonb[], warning_lists jsonb[], hold_ids uuid[],
  voids_ids uuid[], void_reasons text[], response_ids text[], detail_objects jsonb[], adjusts_ids uuid[],
  unpriced_changes smallint[],
  sum_organizations uuid[], sum_buckets timestamptz[], sum_series int[], sum_events int[], sum_requests bigint[],
  sum_inputs bigint[], sum_outputs bigint[], sum_cache_reads bigint[], sum_cache_writes bigint[],
  sum_reasonings bigint[], sum_costs numeric[], sum_unpriced bigint[],
  day_organizations uuid[], day_buckets timestamptz[], day_series int[], day_requests bigint[], day_inputs bigint[],
  day_outputs bigint[], day_cache_reads bigint[], day_cache_writes bigint[], day_reasonings bigint[],
  day_costs numeric[], day_unpriced bigint[],
  set_numbers int[], pair_sets int[], pair_counters int[], counter_organizations uuid[], counter_budgets uuid[],
  counter_subjects text[], counter_starts timestamptz[], counter_ends timestamptz[], counter_alarms numeric[],
  counter_events int[], counter_spents numeric[], counter_matches bigint[]
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric, is_same_call boolean)
-- The plans do not depend on how many rows there are, and making them anew for each call would cost
-- more than a small batch does.
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  locked uuid;
  is_locked boolean;
  is_stale boolean;
  has_retired boolean;
  prepaid uuid[];
  sole uuid := CASE WHEN cardinality(organization_ids) = 1 THEN organization_ids[1] END;
  sole_recorded_at timestamptz := CASE WHEN cardinality(recorded_ats) = 1 THEN recorded_ats[1] END;
  sole_source text := CASE WHEN cardinality(cost_sources) = 1 THEN cost_sources[1] END;
  sole_price uuid := CASE WHEN cardinality(price_ids) = 1 THEN price_ids[1] END;
  sole_user text := CASE WHEN cardinality(user_ids) = 1 THEN user_ids[1] END;
  sole_tags jsonb := CASE WHEN cardinality(tag_objects) = 1 THEN tag_objects[1] END;
  -- The event ids to look for: those of the first records, where response ids are known.
  wanted_ids text[] := event_ids;
  are_same_calls boolean[];
  known_ordinals bigint[];
  known_ids uuid[];
  known_hashes bytea[];
  known_costs numeric[];
  is_all_new boolean;
BEGIN
  -- All writers share this lock. The fold takes it alone for a moment, to know that no event with a
  -- lower position is still to come. An assignment is evaluated in place, where PERFORM would be a
  -- statement.
  is_locked := pg_advisory_xact_lock_shared(6384377010) IS NULL;
  FOREACH locked IN ARRAY locked_organizations LOOP
    is_locked := pg_advisory_xact_lock(hashtextextended(locked::text, 0)) IS NULL;
  END LOOP;
  IF cardinality(locked_organizations) = 1 THEN
    SELECT o.budget_version <> known_budget_versions[1], o.retired_before IS NOT NULL,
           CASE WHEN o.credits_mode = 'prepaid' THEN locked_organizations ELSE '{}' END
      INTO is_stale, has_retired, prepaid FROM organizations o WHERE o.id = locked_organizations[1];
  ELSE
    SELECT bool_or(o.budget_version <> v.version), bool_or(o.retired_before IS NOT NULL),
           coalesce(array_agg(o.id ORDER BY o.id) FILTER (WHERE o.credits_mode = 'prepaid'), '{}')
      INTO is_stale, has_retired, prepaid
      FROM unnest(locked_organizations, known_budget_versions) AS v(id, version) JOIN organizations o ON o.id = v.id;
  END IF;
  IF is_stale THEN RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001'; END IF;

  IF response_ids IS NOT NULL AND NOT are_new THEN
    SELECT array_agg(coalesce(r.event_id, i.event_id) ORDER BY i.ordinal),
           array_agg(r.event_id IS NOT NULL ORDER BY i.ordinal)
      INTO wanted_ids, are_same_calls
      FROM unnest(organization_ids, event_ids, response_ids) WITH ORDINALITY
        AS i(organization_id, event_id, response_id, ordinal)
      LEFT JOIN LATERAL (
        SELECT u.event_id FROM usage_responses u
         WHERE u.organization_id = coalesce(sole, i.organization_id) AND u.response_id = i.response_id LIMIT 1) r
        ON true;
  END IF;
  IF NOT are_new THEN
    -- With LIMIT this looks into the index once for each event, however many events the planner
    -- expects.
    SELECT array_agg(i.ordinal), array_agg(k.id), array_agg(k.body_hash), array_agg(k.cost)
      INTO known_ordinals, known_ids, known_hashes, known_costs
      FROM unnest(organization_ids, wanted_ids) WITH ORDINALITY AS i(organization_id, event_id, ordinal)
     CROSS JOIN LATERAL (
       SELECT e.id, e.body_hash, e.cost FROM usage_events e
        WHERE e.organization_id = coalesce(sole, i.organization_id) AND e.event_id = i.event_id LIMIT 1) k;
  END IF;
  IF has_retired THEN
    SELECT known_ordinals || array_agg(i.ordinal), known_ids || array_agg(r.id),
           known_hashes || array_agg(r.body_hash), known_costs || array_agg(r.cost)
      INTO known_ordinals, known_ids, known_hashes, known_costs
      FROM unnest(organization_ids, wanted_ids) WITH ORDINALITY AS i(organization_id, event_id, ordinal)
     CROSS JOIN LATERAL (
       SELECT r.id, r.body_hash, r.cost FROM retired_usage_events r
        WHERE r.organization_id = coalesce(sole, i.organization_id) AND r.event_id = i.event_id LIMIT 1) r;
  END IF;
  is_all_new := known_ordinals IS NULL;

  IF NOT is_all_new THEN
    -- If the row itself is there, it was stored by a transaction whose answer the caller lost: that
    -- is not a repeat, so it is not returned.
    RETURN QUERY
      SELECT k.ordinal, k.id, k.body_hash, k.cost, coalesce(are_same_calls[k.ordinal], false)
        FROM unnest(known_ordinals, known_ids, known_hashes, known_costs) AS k(ordinal, id, body_hash, cost)
       WHERE k.id <> ids[k.ordinal];
    IF hold_ids IS NOT NULL AND true = ANY (are_same_calls) THEN
      PERFORM settle_holds(at, array_agg(coalesce(sole, organization_ids[k.ordinal])), array_agg(k.id),
        array_agg(hold_ids[k.ordinal]))
        FROM unnest(known_ordinals, known_ids) AS k(ordinal, id) WHERE are_same_calls[k.ordinal];
    END IF;
    IF cardinality(known_ordinals) = cardinality(ids) THEN RETURN; END IF;

    SELECT array_agg(s.organization_id), array_agg(s.bucket), array_agg(s.series_id), array_agg(s.requests),
           array_agg(s.inputs), array_agg(s.outputs), array_agg(s.cache_reads), array_agg(s.cache_writes),
           array_agg(s.reasonings), array_agg(s.costs), array_agg(s.unpriced)
      INTO sum_organizations, sum_buckets, sum_series, sum_requests, sum_inputs, sum_outputs, sum_cache_reads,
           sum_cache_writes, sum_reasonings, sum_costs, sum_unpriced
      FROM (
        SELECT p.organization_id, p.bucket, p.series_id, sum(p.requests)::bigint AS requests,
               sum(p.inputs)::bigint AS inputs, sum(p.outputs)::bigint AS outputs,
               sum(p.cache_reads)::bigint AS cache_reads, sum(p.cache_writes)::bigint AS cache_writes,
               sum(p.reasonings)::bigint AS reasonings, sum(p.costs) AS costs, sum(p.unpriced)::bigint AS unpriced
          FROM (
            SELECT * FROM unnest(sum_organizations, sum_buckets, sum_series, sum_events, sum_requests, sum_inputs,
                                 sum_outputs, sum_cache_reads, sum_cache_writes, sum_reasonings, sum_costs,
                                 sum_unpriced)
            UNION ALL
            SELECT coalesce(sole, organization_ids[k.ordinal]), date_bin('15 minutes', times[k.ordinal], '2000-01-01Z'),
                   series_ids[k.ordinal], -1, -coalesce(request_counts[k.ordinal], 1), -input_counts[k.ordinal],
                   -output_counts[k.ordinal], -coalesce(cache_read_counts[k.ordinal], 0),
                   -coalesce(cache_write_counts[k.ordinal], 0), -coalesce(reasoning_counts[k.ordinal], 0),
                   -coalesce(costs[k.ordinal], 0),
                   CASE WHEN adjusts_ids[k.ordinal] IS NOT NULL THEN -coalesce(unpriced_changes[k.ordinal], 0)
                        WHEN costs[k.ordinal] IS NULL THEN -coalesce(request_counts[k.ordinal], 1) ELSE 0 END
              FROM unnest(known_ordinals) AS k(ordinal)
          ) AS p(organization_id, bucket, series_id, events, requests, inputs, outputs, cache_reads, cache_writes,
                 reasonings, costs, unpriced)
         GROUP BY 1, 2, 3 HAVING sum(p.events) > 0) s;
    SELECT array_agg(s.organization_id), array_agg(s.bucket), array_agg(s.series_id), array_agg(s.requests),
           array_agg(s.inputs), array_agg(s.outputs), array_agg(s.cache_reads), array_agg(s.cache_writes),
           array_agg(s.reasonings), array_agg(s.costs), array_agg(s.unpriced)
      INTO day_organizations, day_buckets, day_series, day_requests, day_inputs, day_outputs, day_cache_reads,
           day_cache_writes, day_reasonings, day_costs, day_unpriced
      FROM (
        SELECT q.organization_id, date_trunc('day', q.bucket, 'UTC') AS bucket, q.series_id,
               sum(q.requests)::bigint AS requests, sum(q.inputs)::bigint AS inputs, sum(q.outputs)::bigint AS outputs,
               sum(q.cache_reads)::bigint AS cache_reads, sum(q.cache_writes)::bigint AS cache_writes,
               sum(q.reasonings)::bigint AS reasonings, sum(q.costs) AS costs, sum(q.unpriced)::bigint AS unpriced
          FROM unnest(sum_organizations, sum_buckets, sum_series, sum_requests, sum_inputs, sum_outputs,
                      sum_cache_reads, sum_cache_writes, sum_reasonings, sum_costs, sum_unpriced)
            AS q(organization_id, bucket, series_id, requests, inputs, outputs, cache_reads, cache_writes, reasonings,
                 costs, unpriced)
         GROUP BY 1, 2, 3) s;

    IF cardinality(counter_budgets) > 0 THEN
      SELECT array_agg(s.organization_id), array_agg(s.budget_id), array_agg(s.subject), array_agg(s.period_start),
             array_agg(s.period_end), array_agg(s.alarm), array_agg(s.spent), array_agg(s.matched)
        INTO counter_organizations, counter_budgets, counter_subjects, counter_starts, counter_ends, counter_alarms,
             counter_spents, counter_matches
        FROM (
          SELECT c.organization_id, c.budget_id, c.subject, c.period_start, c.period_end, c.alarm,
                 c.spent - coalesce(g.spent, 0) AS spent, c.matched - coalesce(g.matched, 0) AS matched
            FROM unnest(counter_organizations, counter_budgets, counter_subjects, counter_starts, counter_ends,
                        counter_alarms, counter_events, counter_spents, counter_matches) WITH ORDINALITY
              AS c(organization_id, budget_id, subject, period_start, period_end, alarm, events, spent, matched, number)
            LEFT JOIN (
              SELECT p.counter, count(*) AS events, sum(coalesce(request_counts[k.ordinal], 1))::bigint AS matched,
                     sum(CASE b.unit WHEN 'usd' THEN coalesce(costs[k.ordinal], 0)
                              ELSE input_counts[k.ordinal] + output_counts[k.ordinal] END) AS spent
                FROM unnest(known_ordinals) AS k(ordinal)
                JOIN unnest(pair_sets, pair_counters) AS p(set_number, counter) ON p.set_number = set_numbers[k.ordinal]
                JOIN budgets b ON b.organization_id = counter_organizations[p.counter]
                 AND b.id = counter_budgets[p.counter]
               GROUP BY 1) g ON g.counter = c.number
           WHERE c.events > coalesce(g.events, 0)) s;
    END IF;
  END IF;

  INSERT INTO usage_events (
    organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
    output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
    metadata, warnings, details, hold_id, voids_id, void_reason, adjusts_id, unpriced_change)
  SELECT coalesce(sole, i.organization_id), i.id, i.event_id, i.body_hash, i.time,
         coalesce(sole_recorded_at, i.recorded_at), i.series_id, coalesce(i.requests, 1), i.input_tokens,
         i.output_tokens, coalesce(i.cache_read_tokens, 0), coalesce(i.cache_write_tokens, 0),
         coalesce(i.cache_write_1h_tokens, 0), coalesce(i.reasoning_tokens, 0), coalesce(i.input_audio_tokens, 0),
         coalesce(i.output_audio_tokens, 0), coalesce(i.web_searches, 0), i.cost,
         CASE WHEN computed_costs IS NULL THEN i.cost ELSE i.computed_cost END, coalesce(sole_source, i.cost_source),
         coalesce(sole_price, i.price_id), i.unpriced_reason, coalesce(sole_user, i.user_id),
         coalesce(sole_tags, i.tags), i.metadata, i.warnings, i.details, i.hold_id, i.voids_id,
         i.void_reason, i.adjusts_id, i.unpriced_change
    FROM unnest(
      organization_ids, ids, event_ids, body_hashes, times, recorded_ats, series_ids, request_counts, input_counts,
      output_counts, cache_read_counts, cache_write_counts, cache_write_1h_counts, reasoning_counts,
      input_audio_counts, output_audio_counts, web_search_counts, costs, computed_costs, cost_sources, price_ids,
      unpriced_reasons, user_ids, tag_objects, metadata_objects, warning_lists, detail_objects, hold_ids, voids_ids,
      void_reasons, adjusts_ids, unpriced_changes
    ) WITH ORDINALITY AS i(
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
      metadata, warnings, details, hold_id, voids_id, void_reason, adjusts_id, unpriced_change, ordinal)
   WHERE is_all_new OR i.ordinal <> ALL (known_ordinals);
  IF response_ids IS NOT NULL THEN
    INSERT INTO usage_responses (organization_id, response_id, event_id)
    SELECT coalesce(sole, i.organization_id), i.response_id, i.event_id
      FROM unnest(organization_ids, event_ids, response_ids) WITH ORDINALITY
        AS i(organization_id, event_id, response_id, ordinal)
     WHERE i.response_id IS NOT NULL AND (is_all_new OR i.ordinal <> ALL (known_ordinals));
  END IF;

  INSERT INTO usage_quarter_hours AS q (
    organization_id, bucket, series_id, requests, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost, unpriced_requests)
  SELECT * FROM unnest(sum_organizations, sum_buckets, sum_series, sum_requests, sum_inputs, sum_outputs,
                       sum_cache_reads, sum_cache_writes, sum_reasonings, sum_costs, sum_unpriced)
  ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
    requests = q.requests + excluded.requests,
    input_tokens = add_counts(q.input_tokens, excluded.input_tokens),
    output_tokens = add_counts(q.output_tokens, excluded.output_tokens),
    cache_read_tokens = add_counts(q.cache_read_tokens, excluded.cache_read_tokens),
    cache_write_tokens = add_counts(q.cache_write_tokens, excluded.cache_write_tokens),
    reasoning_tokens = add_counts(q.reasoning_tokens, excluded.reasoning_tokens),
    cost = q.cost + excluded.cost,
    unpriced_requests = q.unpriced_requests + excluded.unpriced_requests;
  INSERT INTO usage_days AS d (
    organization_id, bucket, series_id, requests, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost, unpriced_requests)
  SELECT * FROM unnest(day_organizations, day_buckets, day_series, day_requests, day_inputs, day_outputs,
                       day_cache_reads, day_cache_writes, day_reasonings, day_costs, day_unpriced)
  ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
    requests = d.requests + excluded.requests,
    input_tokens = add_counts(d.input_tokens, excluded.input_tokens),
    output_tokens = add_counts(d.output_tokens, excluded.output_tokens),
    cache_read_tokens = add_counts(d.cache_read_tokens, excluded.cache_read_tokens),
    cache_write_tokens = add_counts(d.cache_write_tokens, excluded.cache_write_tokens),
    reasoning_tokens = add_counts(d.reasoning_tokens, excluded.reasoning_tokens),
    cost = d.cost + excluded.cost,
    unpriced_requests = d.unpriced_requests + excluded.unpriced_requests;

  IF unpriced_reasons IS NOT NULL THEN
    PERFORM raise_unpriced(at, array_agg(coalesce(sole, i.organization_id)), array_agg(i.series_id),
      array_agg(i.reason), array_agg(i.id))
      FROM unnest(organization_ids, series_ids, unpriced_reasons, ids, request_counts, adjusts_ids) WITH ORDINALITY
        AS i(organization_id, series_id, reason, id, requests, adjusts_id, ordinal)
     WHERE i.reason IS NOT NULL AND coalesce(i.requests, 1) > 0 AND i.adjusts_id IS NULL
       AND (is_all_new OR i.ordinal <> ALL (known_ordinals));
  END IF;
  IF cardinality(counter_budgets) > 0 THEN
    PERFORM count_recorded(at, counter_organizations, counter_budgets, counter_subjects, counter_starts, counter_ends,
      counter_alarms, counter_spents, counter_matches, corrects_ended => adjusts_ids IS NOT NULL);
  END IF;
  IF cardinality(prepaid) > 0 OR hold_ids IS NOT NULL OR voids_ids IS NOT NULL OR adjusts_ids IS NOT NULL THEN
    PERFORM settle_holds_and_credits(at, coalesce(known_ordinals, '{}'),
      CASE WHEN sole IS NULL THEN organization_ids ELSE array_fill(sole, ARRAY[cardinality(ids)]) END, ids, costs,
      request_counts, hold_ids, prepaid, required_credits);
  END IF;
END $$;
