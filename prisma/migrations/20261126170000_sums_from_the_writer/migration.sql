-- The writer adds up what it sends: sums by quarter hour and series, and by budget counter. The database takes from
-- them what it does not store, since its event id is known, so that a sum costs by groups, not by events.

-- AlterTable
ALTER TABLE "budget_counters" ADD COLUMN     "exceeded" BOOLEAN NOT NULL DEFAULT false;

UPDATE budget_counters c SET exceeded = true FROM budget_crossings x
 WHERE x.organization_id = c.organization_id AND x.budget_id = c.budget_id AND x.subject = c.subject
   AND x.period_start = c.period_start AND x.threshold = 0 AND x.recovered_at IS NULL;

-- Raises what these counters say was crossed, exactly once: a crossing is a row, and its key is unique. A limit that
-- is no longer reached has recovered, also once. In the transaction that changed the counter or the limit. A counter's
-- `exceeded` says that its limit was crossed and has not recovered, for those who need to know whether to ask.
CREATE OR REPLACE FUNCTION raise_crossings(
  at timestamptz, organization_ids uuid[], budget_ids uuid[], subjects text[], period_starts timestamptz[]
) RETURNS void LANGUAGE sql AS $$
  WITH touched AS MATERIALIZED (
    SELECT c.organization_id, c.budget_id, c.subject, c.period_start, c.period_end, c.spent, b.unit, b.per, b.thresholds,
           budget_limit(b, at) AS maximum,
           coalesce(b.team_id, CASE WHEN b.per = 'team' THEN c.subject::uuid END) AS team_id
      FROM unnest(organization_ids, budget_ids, subjects, period_starts) AS k(organization_id, budget_id, subject, period_start)
      JOIN budget_counters c USING (organization_id, budget_id, subject, period_start)
      JOIN budgets b ON b.organization_id = c.organization_id AND b.id = c.budget_id AND b.deleted_at IS NULL),
  crossed AS (
    INSERT INTO budget_crossings (organization_id, budget_id, subject, period_start, threshold, crossed_at)
    SELECT t.organization_id, t.budget_id, t.subject, t.period_start, line.threshold, at
      FROM touched t CROSS JOIN LATERAL unnest(t.thresholds || 0) AS line(threshold)
     WHERE t.spent * 100 >= t.maximum * CASE line.threshold WHEN 0 THEN 100 ELSE line.threshold END
    ON CONFLICT DO NOTHING
    RETURNING organization_id, budget_id, subject, period_start, threshold),
  recovered AS (
    UPDATE budget_crossings x SET recovered_at = at FROM touched t
     WHERE x.organization_id = t.organization_id AND x.budget_id = t.budget_id AND x.subject = t.subject
       AND x.period_start = t.period_start AND x.threshold = 0 AND x.recovered_at IS NULL AND t.spent < t.maximum
    RETURNING x.organization_id, x.budget_id, x.subject, x.period_start, NULL::int AS threshold),
  happened AS (
    SELECT CASE threshold WHEN 0 THEN 'usage.exceeded' ELSE 'budget.threshold_reached' END AS kind, * FROM crossed
    UNION ALL
    SELECT 'budget.recovered', * FROM recovered),
  flagged AS (
    UPDATE budget_counters c SET exceeded = h.threshold IS NOT NULL FROM happened h
     WHERE c.organization_id = h.organization_id AND c.budget_id = h.budget_id AND c.subject = h.subject
       AND c.period_start = h.period_start AND coalesce(h.threshold, 0) = 0)
  INSERT INTO events (organization_id, id, type, created_at, team_id, data)
  SELECT t.organization_id, uuid_v7_at(at), h.kind, at, t.team_id,
         jsonb_build_object('budgetId', t.budget_id, 'teamId', t.team_id, 'unit', t.unit, 'limit', t.maximum::text,
           'current', t.spent::text, 'periodStart', to_json(t.period_start), 'periodEnd', to_json(t.period_end),
           'per', t.per, 'subject', nullif(t.subject, ''))
         || CASE WHEN h.threshold > 0 THEN jsonb_build_object('threshold', h.threshold) ELSE '{}' END
    FROM happened h JOIN touched t USING (organization_id, budget_id, subject, period_start)
   ORDER BY t.organization_id, t.budget_id, t.subject, t.period_start, coalesce(nullif(h.threshold, 0), 1000000)
$$;

DROP FUNCTION count_recorded;

-- Adds what was recorded to budget counters, one row of the arrays for each, and raises what is crossed by it. Only a
-- counter that has come to its alarm (the least at which anything can be crossed), or that stands exceeded, is looked
-- at again.
CREATE FUNCTION count_recorded(
  at timestamptz, organization_ids uuid[], budget_ids uuid[], counter_subjects text[], starts timestamptz[],
  ends timestamptz[], alarms numeric[], spents numeric[], matches bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  found_ordinals bigint[];
  crossing bigint[];
  new_ordinals bigint[];
  late record;
BEGIN
  WITH counted AS (
    UPDATE budget_counters c SET spent = c.spent + d.spent, matched_events = c.matched_events + d.matched
      FROM unnest(organization_ids, budget_ids, counter_subjects, starts, alarms, spents, matches) WITH ORDINALITY
        AS d(organization_id, budget_id, subject, period_start, alarm, spent, matched, ordinal)
     WHERE c.organization_id = d.organization_id AND c.budget_id = d.budget_id AND c.subject = d.subject
       AND c.period_start = d.period_start
    RETURNING d.ordinal, c.spent >= d.alarm OR c.exceeded AS is_crossing)
  SELECT coalesce(array_agg(c.ordinal), '{}'), coalesce(array_agg(c.ordinal) FILTER (WHERE c.is_crossing), '{}')
    INTO found_ordinals, crossing FROM counted c;

  IF cardinality(found_ordinals) < cardinality(budget_ids) THEN
    SELECT array_agg(o.ordinal) INTO new_ordinals
      FROM generate_series(1, cardinality(budget_ids)) AS o(ordinal) WHERE o.ordinal <> ALL (found_ordinals);
    -- Counters of a period before the budget began start from the ledger, which holds this transaction's events already.
    FOR late IN
      SELECT DISTINCT b.organization_id, b.id, starts[o.ordinal] AS period_start, ends[o.ordinal] AS period_end
        FROM unnest(new_ordinals) AS o(ordinal)
        JOIN budgets b ON b.organization_id = organization_ids[o.ordinal] AND b.id = budget_ids[o.ordinal]
         AND b.counted_from > starts[o.ordinal]
    LOOP
      PERFORM rebuild_budget_counters(late.organization_id, late.id, late.period_start, late.period_end);
    END LOOP;
    INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
    SELECT organization_ids[o.ordinal], budget_ids[o.ordinal], counter_subjects[o.ordinal], starts[o.ordinal],
           ends[o.ordinal], spents[o.ordinal], matches[o.ordinal]
      FROM unnest(new_ordinals) AS o(ordinal)
    ON CONFLICT DO NOTHING;
    crossing := crossing || new_ordinals;
  END IF;

  IF cardinality(crossing) > 0 THEN
    PERFORM raise_crossings(at, array_agg(organization_ids[o.ordinal]), array_agg(budget_ids[o.ordinal]),
      array_agg(counter_subjects[o.ordinal]), array_agg(starts[o.ordinal])) FROM unnest(crossing) AS o(ordinal);
  END IF;
END $$;

DROP FUNCTION record_usage;

-- Stores events, their deduplication, their sums, and all that hangs on them (budgets, holds, credits, the events they
-- raise) in the caller's transaction (its own, when called alone). One advisory lock per organization, taken in the
-- order given (sorted by the caller), makes writers of one organization take turns: what is known cannot become more
-- between the look and the insert, sums cannot deadlock, and "position" is commit order within the organization. Each
-- statement below takes a new snapshot, so it sees what the writer before committed. Fails with MT001 when a caller's
-- list of budgets is not the newest (it reads it again and repeats), and with MT002 when credits that an event requires
-- are not there; nothing is stored then.
--
-- No event id comes twice in one call. A column that is the same for all rows may be one element; a count that is null
-- is 0 (1 for requests), and null computed costs are the costs. `sum_` rows are the events by quarter hour and series,
-- `day_` rows by UTC day and series, `counter_` rows by budget counter; each event has a set of counters (0: none), which
-- the pairs name.
-- Returns the events that were not stored, since their event id was known, with what is stored under it.
CREATE FUNCTION record_usage(
  locked_organizations uuid[], budget_versions bigint[], at timestamptz, required_credits numeric,
  organization_ids uuid[], ids uuid[], event_ids text[], body_hashes bytea[], times timestamptz[],
  recorded_ats timestamptz[], series_ids int[], request_counts smallint[], input_counts bigint[], output_counts bigint[],
  cache_read_counts bigint[], cache_write_counts bigint[], cache_write_1h_counts bigint[], reasoning_counts bigint[],
  input_audio_counts bigint[], output_audio_counts bigint[], web_search_counts bigint[], costs numeric[],
  computed_costs numeric[], cost_sources text[], price_ids uuid[], unpriced_reasons text[], user_ids text[],
  tag_objects jsonb[], metadata_objects jsonb[], warning_lists jsonb[], hold_ids uuid[], voids_ids uuid[],
  void_reasons text[],
  sum_organizations uuid[], sum_buckets timestamptz[], sum_series int[], sum_events int[], sum_requests bigint[],
  sum_inputs bigint[], sum_outputs bigint[], sum_cache_reads bigint[], sum_cache_writes bigint[],
  sum_reasonings bigint[], sum_costs numeric[], sum_unpriced bigint[],
  day_organizations uuid[], day_buckets timestamptz[], day_series int[], day_requests bigint[], day_inputs bigint[],
  day_outputs bigint[], day_cache_reads bigint[], day_cache_writes bigint[], day_reasonings bigint[],
  day_costs numeric[], day_unpriced bigint[],
  set_numbers int[], pair_sets int[], pair_counters int[], counter_organizations uuid[], counter_budgets uuid[],
  counter_subjects text[], counter_starts timestamptz[], counter_ends timestamptz[], counter_alarms numeric[],
  counter_events int[], counter_spents numeric[], counter_matches bigint[]
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric)
-- The plans do not depend on how many rows there are: making them anew for each call would cost more than a small batch.
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
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
  known_ordinals bigint[];
  known_ids uuid[];
  known_hashes bytea[];
  known_costs numeric[];
  is_all_new boolean;
BEGIN
  -- Shared by all writers; the fold takes it alone for a moment, to know that no position below is still to come.
  -- (An assignment is evaluated in place, where PERFORM would be a statement of its own.)
  is_locked := pg_advisory_xact_lock_shared(6384377010) IS NULL;
  FOREACH locked IN ARRAY locked_organizations LOOP
    is_locked := pg_advisory_xact_lock(hashtextextended(locked::text, 0)) IS NULL;
  END LOOP;
  IF cardinality(locked_organizations) = 1 THEN
    SELECT o.budget_version <> budget_versions[1], o.retired_before IS NOT NULL,
           CASE WHEN o.credits_mode = 'prepaid' THEN locked_organizations ELSE '{}' END
      INTO is_stale, has_retired, prepaid FROM organizations o WHERE o.id = locked_organizations[1];
  ELSE
    SELECT bool_or(o.budget_version <> v.version), bool_or(o.retired_before IS NOT NULL),
           coalesce(array_agg(o.id ORDER BY o.id) FILTER (WHERE o.credits_mode = 'prepaid'), '{}')
      INTO is_stale, has_retired, prepaid
      FROM unnest(locked_organizations, budget_versions) AS v(id, version) JOIN organizations o ON o.id = v.id;
  END IF;
  IF is_stale THEN RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001'; END IF;

  -- LIMIT keeps this a look into the index for each event, whatever the planner thinks of the number of events.
  SELECT array_agg(i.ordinal), array_agg(k.id), array_agg(k.body_hash), array_agg(k.cost)
    INTO known_ordinals, known_ids, known_hashes, known_costs
    FROM unnest(organization_ids, event_ids) WITH ORDINALITY AS i(organization_id, event_id, ordinal)
   CROSS JOIN LATERAL (
     SELECT e.id, e.body_hash, e.cost FROM usage_events e
      WHERE e.organization_id = coalesce(sole, i.organization_id) AND e.event_id = i.event_id LIMIT 1) k;
  IF has_retired THEN
    SELECT known_ordinals || array_agg(i.ordinal), known_ids || array_agg(r.id),
           known_hashes || array_agg(r.body_hash), known_costs || array_agg(r.cost)
      INTO known_ordinals, known_ids, known_hashes, known_costs
      FROM unnest(organization_ids, event_ids) WITH ORDINALITY AS i(organization_id, event_id, ordinal)
     CROSS JOIN LATERAL (
       SELECT r.id, r.body_hash, r.cost FROM retired_usage_events r
        WHERE r.organization_id = coalesce(sole, i.organization_id) AND r.event_id = i.event_id LIMIT 1) r;
  END IF;
  is_all_new := known_ordinals IS NULL;

  IF NOT is_all_new THEN
    -- A row that is there itself was stored by a transaction of which the caller lost the answer: no repeat to tell of.
    RETURN QUERY
      SELECT k.ordinal, k.id, k.body_hash, k.cost
        FROM unnest(known_ordinals, known_ids, known_hashes, known_costs) AS k(ordinal, id, body_hash, cost)
       WHERE k.id <> ids[k.ordinal];
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
                                 sum_outputs, sum_cache_reads, sum_cache_writes, sum_reasonings, sum_costs, sum_unpriced)
            UNION ALL
            SELECT coalesce(sole, organization_ids[k.ordinal]), date_bin('15 minutes', times[k.ordinal], '2000-01-01Z'),
                   series_ids[k.ordinal], -1, -coalesce(request_counts[k.ordinal], 1), -input_counts[k.ordinal],
                   -output_counts[k.ordinal], -coalesce(cache_read_counts[k.ordinal], 0),
                   -coalesce(cache_write_counts[k.ordinal], 0), -coalesce(reasoning_counts[k.ordinal], 0),
                   -coalesce(costs[k.ordinal], 0),
                   CASE WHEN costs[k.ordinal] IS NULL THEN -coalesce(request_counts[k.ordinal], 1) ELSE 0 END
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
                JOIN budgets b ON b.organization_id = counter_organizations[p.counter] AND b.id = counter_budgets[p.counter]
               GROUP BY 1) g ON g.counter = c.number
           WHERE c.events > coalesce(g.events, 0)) s;
    END IF;
  END IF;

  IF sole IS NOT NULL AND request_counts IS NULL AND cache_write_1h_counts IS NULL AND input_audio_counts IS NULL
     AND output_audio_counts IS NULL AND web_search_counts IS NULL AND computed_costs IS NULL
     AND unpriced_reasons IS NULL AND metadata_objects IS NULL AND warning_lists IS NULL AND hold_ids IS NULL
     AND voids_ids IS NULL THEN
    -- The usual batch has none of these. Each column that is not unnested is saved for each row.
    INSERT INTO usage_events (
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, user_id, tags)
    SELECT sole, i.id, i.event_id, i.body_hash, i.time, coalesce(sole_recorded_at, i.recorded_at), i.series_id, 1,
           i.input_tokens, i.output_tokens, coalesce(i.cache_read_tokens, 0), coalesce(i.cache_write_tokens, 0), 0,
           coalesce(i.reasoning_tokens, 0), 0, 0, 0, i.cost, i.cost, coalesce(sole_source, i.cost_source),
           coalesce(sole_price, i.price_id), coalesce(sole_user, i.user_id), coalesce(sole_tags, i.tags)
      FROM unnest(
        ids, event_ids, body_hashes, times, recorded_ats, series_ids, input_counts, output_counts, cache_read_counts,
        cache_write_counts, reasoning_counts, costs, cost_sources, price_ids, user_ids, tag_objects
      ) WITH ORDINALITY AS i(
        id, event_id, body_hash, time, recorded_at, series_id, input_tokens, output_tokens, cache_read_tokens,
        cache_write_tokens, reasoning_tokens, cost, cost_source, price_id, user_id, tags, ordinal)
     WHERE is_all_new OR i.ordinal <> ALL (known_ordinals);
  ELSE
    INSERT INTO usage_events (
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
      metadata, warnings, hold_id, voids_id, void_reason)
    SELECT coalesce(sole, i.organization_id), i.id, i.event_id, i.body_hash, i.time,
           coalesce(sole_recorded_at, i.recorded_at), i.series_id, coalesce(i.requests, 1), i.input_tokens,
           i.output_tokens, coalesce(i.cache_read_tokens, 0), coalesce(i.cache_write_tokens, 0),
           coalesce(i.cache_write_1h_tokens, 0), coalesce(i.reasoning_tokens, 0), coalesce(i.input_audio_tokens, 0),
           coalesce(i.output_audio_tokens, 0), coalesce(i.web_searches, 0), i.cost,
           CASE WHEN computed_costs IS NULL THEN i.cost ELSE i.computed_cost END, coalesce(sole_source, i.cost_source),
           coalesce(sole_price, i.price_id), i.unpriced_reason, coalesce(sole_user, i.user_id),
           coalesce(sole_tags, i.tags), i.metadata, i.warnings, i.hold_id, i.voids_id, i.void_reason
      FROM unnest(
        organization_ids, ids, event_ids, body_hashes, times, recorded_ats, series_ids, request_counts, input_counts,
        output_counts, cache_read_counts, cache_write_counts, cache_write_1h_counts, reasoning_counts, input_audio_counts,
        output_audio_counts, web_search_counts, costs, computed_costs, cost_sources, price_ids, unpriced_reasons, user_ids,
        tag_objects, metadata_objects, warning_lists, hold_ids, voids_ids, void_reasons
      ) WITH ORDINALITY AS i(
        organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
        cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
        output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
        metadata, warnings, hold_id, voids_id, void_reason, ordinal)
     WHERE is_all_new OR i.ordinal <> ALL (known_ordinals);
  END IF;

  INSERT INTO usage_quarter_hours AS q
  SELECT * FROM unnest(sum_organizations, sum_buckets, sum_series, sum_requests, sum_inputs, sum_outputs, sum_cache_reads,
                       sum_cache_writes, sum_reasonings, sum_costs, sum_unpriced)
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
  SELECT * FROM unnest(day_organizations, day_buckets, day_series, day_requests, day_inputs, day_outputs, day_cache_reads,
                       day_cache_writes, day_reasonings, day_costs, day_unpriced)
  ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
    requests = d.requests + excluded.requests,
    input_tokens = d.input_tokens + excluded.input_tokens,
    output_tokens = d.output_tokens + excluded.output_tokens,
    cache_read_tokens = d.cache_read_tokens + excluded.cache_read_tokens,
    cache_write_tokens = d.cache_write_tokens + excluded.cache_write_tokens,
    reasoning_tokens = d.reasoning_tokens + excluded.reasoning_tokens,
    cost = d.cost + excluded.cost,
    unpriced_requests = d.unpriced_requests + excluded.unpriced_requests;

  IF cardinality(counter_budgets) > 0 THEN
    PERFORM count_recorded(at, counter_organizations, counter_budgets, counter_subjects, counter_starts, counter_ends,
      counter_alarms, counter_spents, counter_matches);
  END IF;
  IF cardinality(prepaid) > 0 OR hold_ids IS NOT NULL THEN
    PERFORM settle_recorded(at, coalesce(known_ordinals, '{}'),
      CASE WHEN sole IS NULL THEN organization_ids ELSE array_fill(sole, ARRAY[cardinality(ids)]) END, ids, costs,
      request_counts, hold_ids, prepaid, required_credits);
  END IF;
END $$;

-- The same as record_usage for one plain event (no reverse, no hold, counted by no budget, of an organization without
-- prepaid credits): a lone caller waits for a few plain statements instead of a plan made for a thousand rows. Fails
-- with MT001 when the caller's list of budgets is not the newest, and with MT003 when the event is not that plain;
-- nothing is stored then. Returns what is stored under the event's id where it was known.
CREATE OR REPLACE FUNCTION record_one(
  organization uuid, new_id uuid, new_event_id text, hash bytea, event_time timestamptz, recorded timestamptz,
  series int, input_count bigint, output_count bigint, cache_read_count bigint, cache_write_count bigint,
  cache_write_1h_count bigint, reasoning_count bigint, input_audio_count bigint, output_audio_count bigint,
  web_search_count bigint, event_cost numeric, own_cost numeric, source text, price uuid, reason text, user_name text,
  tag_object jsonb, metadata_object jsonb, warning_list jsonb, budgets_version bigint
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  kept_version bigint;
  mode text;
  is_locked boolean;
  has_retired boolean;
  is_stored boolean := false;
BEGIN
  is_locked := pg_advisory_xact_lock_shared(6384377010) IS NULL;
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;
  SELECT o.budget_version, o.credits_mode::text, o.retired_before IS NOT NULL INTO kept_version, mode, has_retired
    FROM organizations o WHERE o.id = organization;
  IF kept_version <> budgets_version THEN
    RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001';
  END IF;
  IF mode <> 'none' THEN RAISE EXCEPTION 'not a plain event' USING ERRCODE = 'MT003'; END IF;

  IF NOT has_retired OR NOT EXISTS (SELECT FROM retired_usage_events r
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

DROP FUNCTION create_hold;

-- Reserves the worst case of a call, or says that budgets or credits have no room. One call, one transaction: under the
-- organization's lock the sums that decide cannot change before they are raised, so no two holds share the same money.
-- By budget counter, as the newest list of budgets has it: what is wanted of it (null: unknown) and how much it may
-- hold in all. `wanted_usd` null: the cost is unknown; a blocking budget in USD, or prepaid credits, then refuse.
-- Answers a status and, in the order of the counters, what each had spent and held before.
CREATE FUNCTION create_hold(
  organization uuid, known_version bigint, at timestamptz, hold_id uuid, key_id uuid, hold_provider text,
  hold_model text, hold_team uuid, hold_user text, hold_tags jsonb, wanted_usd numeric, wanted_tokens bigint,
  expiry timestamptz, budget_ids uuid[], subjects text[], period_starts timestamptz[], period_ends timestamptz[],
  amounts numeric[], limits numeric[], are_blocking boolean[]
) RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  is_locked boolean;
  kept_version bigint;
  is_prepaid boolean;
  has_expired boolean;
  has_budgets boolean := cardinality(budget_ids) > 0;
  is_missing boolean;
  is_refused boolean := false;
  late record;
  counters jsonb := '[]';
  available numeric;
  credit numeric := 0;
BEGIN
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;
  SELECT o.budget_version, o.credits_mode = 'prepaid', EXISTS (
           SELECT FROM holds h WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at <= at)
    INTO kept_version, is_prepaid, has_expired FROM organizations o WHERE o.id = organization;
  IF kept_version <> known_version THEN RETURN jsonb_build_object('status', 'stale'); END IF;
  IF has_expired THEN PERFORM sweep_holds(organization, at); END IF;

  WHILE has_budgets LOOP
    SELECT bool_or(c.budget_id IS NULL),
           bool_or(k.is_blocking AND (k.amount IS NULL OR c.spent + c.held + k.amount > k.maximum)),
           jsonb_agg(jsonb_build_array(k.ordinal, c.spent::text, c.held::text))
      INTO is_missing, is_refused, counters
      FROM unnest(budget_ids, subjects, period_starts, amounts, limits, are_blocking) WITH ORDINALITY
        AS k(budget_id, subject, period_start, amount, maximum, is_blocking, ordinal)
      LEFT JOIN budget_counters c ON c.organization_id = organization AND c.budget_id = k.budget_id
       AND c.subject = k.subject AND c.period_start = k.period_start;
    EXIT WHEN NOT is_missing;
    -- A counter is made when it is first needed: from the ledger, where its period began before the budget did.
    FOR late IN
      SELECT DISTINCT b.id, k.period_start, k.period_end
        FROM unnest(budget_ids, subjects, period_starts, period_ends) AS k(budget_id, subject, period_start, period_end)
        JOIN budgets b ON b.organization_id = organization AND b.id = k.budget_id AND b.counted_from > k.period_start
       WHERE NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = organization
                            AND c.budget_id = k.budget_id AND c.subject = k.subject AND c.period_start = k.period_start)
    LOOP
      PERFORM rebuild_budget_counters(organization, late.id, late.period_start, late.period_end);
    END LOOP;
    INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent)
    SELECT organization, k.budget_id, k.subject, k.period_start, k.period_end, 0
      FROM unnest(budget_ids, subjects, period_starts, period_ends) AS k(budget_id, subject, period_start, period_end)
    ON CONFLICT DO NOTHING;
  END LOOP;
  IF is_refused THEN RETURN jsonb_build_object('status', 'refused', 'counters', counters); END IF;

  IF is_prepaid THEN
    IF wanted_usd IS NULL THEN RETURN jsonb_build_object('status', 'unknown_cost'); END IF;
    INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
    PERFORM turn_over_credits(organization, at);
    available := available_credits(organization);
    IF wanted_usd > available THEN
      RETURN jsonb_build_object('status', 'insufficient_credits', 'required', wanted_usd::text, 'available', available::text);
    END IF;
    credit := wanted_usd;
    UPDATE credit_accounts a SET held = a.held + credit WHERE a.organization_id = organization;
  END IF;

  INSERT INTO holds (organization_id, id, status, provider, model, amount, tokens, credit_amount, team_id, api_key_id,
                     user_id, tags, created_at, expires_at)
  VALUES (organization, hold_id, 'active', hold_provider, hold_model, wanted_usd, wanted_tokens, credit, hold_team,
          key_id, hold_user, hold_tags, at, expiry);
  IF has_budgets THEN
    INSERT INTO hold_reservations (organization_id, hold_id, budget_id, subject, period_start, amount, expires_at)
    SELECT organization, create_hold.hold_id, k.budget_id, k.subject, k.period_start, coalesce(k.amount, 0), expiry
      FROM unnest(budget_ids, subjects, period_starts, amounts) AS k(budget_id, subject, period_start, amount);
    UPDATE budget_counters c SET held = c.held + coalesce(k.amount, 0)
      FROM unnest(budget_ids, subjects, period_starts, amounts) AS k(budget_id, subject, period_start, amount)
     WHERE c.organization_id = organization AND c.budget_id = k.budget_id AND c.subject = k.subject
       AND c.period_start = k.period_start;
  END IF;
  RETURN jsonb_build_object('status', 'held', 'counters', counters,
                            'credits', CASE WHEN is_prepaid THEN (available - credit)::text END);
END $$;

-- Gives back what a hold reserves, if it still does. Answers the hold as it is then; nothing where there is none, or it
-- is another team's.
CREATE FUNCTION release_hold(organization uuid, released uuid, for_team uuid, at timestamptz)
RETURNS SETOF holds LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  is_locked boolean;
  found_hold holds;
BEGIN
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;
  SELECT * INTO found_hold FROM holds h
   WHERE h.organization_id = organization AND h.id = released AND (for_team IS NULL OR h.team_id = for_team);
  IF found_hold.id IS NULL THEN RETURN; END IF;
  IF found_hold.status = 'active' AND found_hold.expires_at <= at THEN
    PERFORM sweep_holds(organization, at);
    found_hold.status := 'expired';
  ELSIF found_hold.status = 'active' THEN
    UPDATE holds h SET status = 'released', closed_at = at WHERE h.organization_id = organization AND h.id = released;
    PERFORM free_reservations(organization, ARRAY[released]);
    found_hold.status := 'released';
  END IF;
  RETURN NEXT found_hold;
END $$;

-- Ends holds and gives back what they reserved; the status of each must be set before. (In PL/pgSQL for its kept plans.)
CREATE OR REPLACE FUNCTION free_reservations(organization uuid, hold_ids uuid[])
RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  freed numeric;
BEGIN
  WITH gone AS (
    DELETE FROM hold_reservations r WHERE r.organization_id = organization AND r.hold_id = ANY (hold_ids) RETURNING r.*),
  sums AS (
    SELECT g.budget_id, g.subject, g.period_start, sum(g.amount) AS amount FROM gone g GROUP BY 1, 2, 3)
  UPDATE budget_counters c SET held = c.held - s.amount FROM sums s
   WHERE c.organization_id = organization AND c.budget_id = s.budget_id AND c.subject = s.subject
     AND c.period_start = s.period_start;

  SELECT sum(h.credit_amount) INTO freed FROM holds h
   WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.credit_amount > 0;
  IF freed > 0 THEN
    UPDATE holds h SET credit_amount = 0
     WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.credit_amount > 0;
    UPDATE credit_accounts a SET held = a.held - freed WHERE a.organization_id = organization;
  END IF;
END $$;

-- All of these look rows up by their keys. A plan that is kept, and made while a table was small, must not be one that
-- reads the whole table when it has grown.
ALTER FUNCTION record_usage SET enable_seqscan = off;
ALTER FUNCTION record_one SET enable_seqscan = off;
ALTER FUNCTION create_hold SET enable_seqscan = off;
ALTER FUNCTION release_hold SET enable_seqscan = off;
ALTER FUNCTION free_reservations SET enable_seqscan = off;
