-- A column of a batch may be left out (NULL) where it is the same for all: no requests array means one each, no counts
-- mean none, no computed costs mean that they are the costs.

CREATE OR REPLACE FUNCTION count_recorded(
  at timestamptz, known_ordinals bigint[], set_numbers int[], costs numeric[], input_counts bigint[],
  output_counts bigint[], request_counts smallint[], pair_sets int[], pair_organizations uuid[], pair_budgets uuid[],
  pair_subjects text[], pair_starts timestamptz[], pair_ends timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  late record;
  rebuilt_budgets uuid[] := '{}';
  rebuilt_starts timestamptz[] := '{}';
  organization_ids uuid[];
  budget_ids uuid[];
  subjects text[];
  starts timestamptz[];
BEGIN
  -- Counters of a period before the budget began start from the ledger, which holds this transaction's events already.
  FOR late IN
    SELECT DISTINCT p.organization_id, p.budget_id, p.period_start, p.period_end
      FROM unnest(pair_organizations, pair_budgets, pair_subjects, pair_starts, pair_ends)
        AS p(organization_id, budget_id, subject, period_start, period_end)
      JOIN budgets b ON b.organization_id = p.organization_id AND b.id = p.budget_id AND b.counted_from > p.period_start
     WHERE NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = p.organization_id
        AND c.budget_id = p.budget_id AND c.subject = p.subject AND c.period_start = p.period_start)
  LOOP
    PERFORM rebuild_budget_counters(late.organization_id, late.budget_id, late.period_start, late.period_end);
    rebuilt_budgets := rebuilt_budgets || late.budget_id;
    rebuilt_starts := rebuilt_starts || late.period_start;
  END LOOP;

  WITH rebuilt AS (
    SELECT * FROM unnest(rebuilt_budgets, rebuilt_starts) AS r(budget_id, period_start)),
  sums AS (
    SELECT i.set_number, coalesce(sum(i.cost), 0) AS cost, sum(i.input_tokens + i.output_tokens) AS tokens,
           sum(coalesce(i.requests, 1)) AS requests
      FROM unnest(set_numbers, costs, input_counts, output_counts, request_counts) WITH ORDINALITY
        AS i(set_number, cost, input_tokens, output_tokens, requests, ordinal)
     WHERE i.set_number > 0 AND i.ordinal <> ALL (known_ordinals) GROUP BY 1),
  deltas AS (
    SELECT p.organization_id, p.budget_id, p.subject, p.period_start, max(p.period_end) AS period_end,
           sum(CASE b.unit WHEN 'usd' THEN s.cost ELSE s.tokens END) AS spent, sum(s.requests) AS matched
      FROM unnest(pair_sets, pair_organizations, pair_budgets, pair_subjects, pair_starts, pair_ends)
        AS p(set_number, organization_id, budget_id, subject, period_start, period_end)
      JOIN sums s USING (set_number)
      JOIN budgets b ON b.organization_id = p.organization_id AND b.id = p.budget_id
     WHERE (p.budget_id, p.period_start) NOT IN (SELECT r.budget_id, r.period_start FROM rebuilt r) GROUP BY 1, 2, 3, 4),
  touched AS (
    INSERT INTO budget_counters AS c (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
    SELECT d.organization_id, d.budget_id, d.subject, d.period_start, d.period_end, d.spent, d.matched FROM deltas d
    ON CONFLICT (organization_id, budget_id, subject, period_start) DO UPDATE SET
      spent = c.spent + excluded.spent, matched_events = c.matched_events + excluded.matched_events
    RETURNING c.organization_id, c.budget_id, c.subject, c.period_start)
  SELECT array_agg(t.organization_id), array_agg(t.budget_id), array_agg(t.subject), array_agg(t.period_start)
    INTO organization_ids, budget_ids, subjects, starts
    FROM (SELECT * FROM touched
          UNION
          SELECT p.organization_id, p.budget_id, p.subject, p.period_start
            FROM unnest(pair_organizations, pair_budgets, pair_subjects, pair_starts)
              AS p(organization_id, budget_id, subject, period_start)
            JOIN rebuilt r USING (budget_id, period_start)) t;
  IF organization_ids IS NOT NULL THEN
    PERFORM raise_crossings(at, organization_ids, budget_ids, subjects, starts);
  END IF;
END $$;


CREATE OR REPLACE FUNCTION record_usage(
  locked_organizations uuid[], organization_ids uuid[], ids uuid[], event_ids text[], body_hashes bytea[],
  times timestamptz[], recorded_ats timestamptz[], series_ids int[], request_counts smallint[],
  input_counts bigint[], output_counts bigint[], cache_read_counts bigint[], cache_write_counts bigint[],
  cache_write_1h_counts bigint[], reasoning_counts bigint[], input_audio_counts bigint[], output_audio_counts bigint[],
  web_search_counts bigint[], costs numeric[], computed_costs numeric[], cost_sources text[], price_ids uuid[],
  unpriced_reasons text[], user_ids text[], tag_objects jsonb[], metadata_objects jsonb[], warning_lists jsonb[],
  hold_ids uuid[], voids_ids uuid[], void_reasons text[], at timestamptz, budget_versions bigint[], set_numbers int[],
  pair_sets int[], pair_organizations uuid[], pair_budgets uuid[], pair_subjects text[], pair_starts timestamptz[],
  pair_ends timestamptz[], required_credits numeric
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric)
LANGUAGE plpgsql AS $$
DECLARE
  locked uuid;
  stored bigint;
  stored_ids uuid[];
  known_ordinals bigint[] := '{}';
  is_stale boolean;
  prepaid uuid[];
BEGIN
  -- Shared by all writers; the fold takes it alone for a moment, to know that no position below is still to come.
  PERFORM pg_advisory_xact_lock_shared(6384377010);
  FOREACH locked IN ARRAY locked_organizations LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(locked::text, 0));
  END LOOP;
  SELECT coalesce(bool_or(o.budget_version <> v.version), false),
         coalesce(array_agg(o.id ORDER BY o.id) FILTER (WHERE o.credits_mode = 'prepaid'), '{}')
    INTO is_stale, prepaid
    FROM unnest(locked_organizations, budget_versions) AS v(id, version) JOIN organizations o ON o.id = v.id;
  IF is_stale THEN RAISE EXCEPTION 'the list of budgets is not the newest' USING ERRCODE = 'MT001'; END IF;

  WITH stored_events AS (
    INSERT INTO usage_events AS e (
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
      metadata, warnings, hold_id, voids_id, void_reason)
    SELECT i.organization_id, i.id, i.event_id, i.body_hash, i.time, i.recorded_at, i.series_id,
           coalesce(i.requests, 1), i.input_tokens, i.output_tokens, coalesce(i.cache_read_tokens, 0),
           coalesce(i.cache_write_tokens, 0), coalesce(i.cache_write_1h_tokens, 0), coalesce(i.reasoning_tokens, 0),
           coalesce(i.input_audio_tokens, 0), coalesce(i.output_audio_tokens, 0), coalesce(i.web_searches, 0), i.cost,
           CASE WHEN computed_costs IS NULL THEN i.cost ELSE i.computed_cost END, i.cost_source, i.price_id,
           i.unpriced_reason, i.user_id, i.tags, i.metadata, i.warnings, i.hold_id, i.voids_id, i.void_reason
      FROM unnest(
        organization_ids, ids, event_ids, body_hashes, times, recorded_ats, series_ids, request_counts, input_counts,
        output_counts, cache_read_counts, cache_write_counts, cache_write_1h_counts, reasoning_counts,
        input_audio_counts, output_audio_counts, web_search_counts, costs, computed_costs, cost_sources, price_ids,
        unpriced_reasons, user_ids, tag_objects, metadata_objects, warning_lists, hold_ids, voids_ids, void_reasons
      ) AS i(organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens,
             output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens,
             input_audio_tokens, output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id,
             unpriced_reason, user_id, tags, metadata, warnings, hold_id, voids_id, void_reason)
     WHERE NOT EXISTS (
       SELECT FROM retired_usage_events r WHERE r.organization_id = i.organization_id AND r.event_id = i.event_id)
    ON CONFLICT (organization_id, event_id) DO NOTHING
    RETURNING e.id, e.organization_id, e.time, e.series_id, e.requests, e.input_tokens, e.output_tokens,
      e.cache_read_tokens, e.cache_write_tokens, e.reasoning_tokens, e.cost),
  quarter_hour_sums AS (
    SELECT s.organization_id, date_bin('15 minutes', s.time, '2000-01-01Z') AS bucket, s.series_id,
           sum(s.requests)::bigint AS requests, sum(s.input_tokens)::bigint AS input_tokens,
           sum(s.output_tokens)::bigint AS output_tokens, sum(s.cache_read_tokens)::bigint AS cache_read_tokens,
           sum(s.cache_write_tokens)::bigint AS cache_write_tokens, sum(s.reasoning_tokens)::bigint AS reasoning_tokens,
           coalesce(sum(s.cost), 0) AS cost,
           coalesce(sum(s.requests) FILTER (WHERE s.cost IS NULL), 0)::bigint AS unpriced_requests,
           count(*) AS event_rows
      FROM stored_events s GROUP BY 1, 2, 3),
  quarter_hours AS (
    INSERT INTO usage_quarter_hours AS q
    SELECT s.organization_id, s.bucket, s.series_id, s.requests, s.input_tokens, s.output_tokens, s.cache_read_tokens,
           s.cache_write_tokens, s.reasoning_tokens, s.cost, s.unpriced_requests
      FROM quarter_hour_sums s
    ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
      requests = q.requests + excluded.requests,
      input_tokens = q.input_tokens + excluded.input_tokens,
      output_tokens = q.output_tokens + excluded.output_tokens,
      cache_read_tokens = q.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = q.cache_write_tokens + excluded.cache_write_tokens,
      reasoning_tokens = q.reasoning_tokens + excluded.reasoning_tokens,
      cost = q.cost + excluded.cost,
      unpriced_requests = q.unpriced_requests + excluded.unpriced_requests),
  days AS (
    INSERT INTO usage_days AS d
    SELECT s.organization_id, date_trunc('day', s.bucket, 'UTC'), s.series_id, sum(s.requests), sum(s.input_tokens),
           sum(s.output_tokens), sum(s.cache_read_tokens), sum(s.cache_write_tokens), sum(s.reasoning_tokens),
           sum(s.cost), sum(s.unpriced_requests)
      FROM quarter_hour_sums s GROUP BY 1, 2, 3
    ON CONFLICT (organization_id, bucket, series_id) DO UPDATE SET
      requests = d.requests + excluded.requests,
      input_tokens = d.input_tokens + excluded.input_tokens,
      output_tokens = d.output_tokens + excluded.output_tokens,
      cache_read_tokens = d.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = d.cache_write_tokens + excluded.cache_write_tokens,
      reasoning_tokens = d.reasoning_tokens + excluded.reasoning_tokens,
      cost = d.cost + excluded.cost,
      unpriced_requests = d.unpriced_requests + excluded.unpriced_requests)
  SELECT coalesce((SELECT sum(q.event_rows) FROM quarter_hour_sums q), 0), array_agg(s.id)
    INTO stored, stored_ids FROM stored_events s;

  -- By what this very statement stored, not by what is there: after a lost connection the same rows may come again.
  IF stored < cardinality(ids) THEN
    SELECT coalesce(array_agg(i.ordinal), '{}') INTO known_ordinals
      FROM unnest(ids) WITH ORDINALITY AS i(id, ordinal) LEFT JOIN unnest(stored_ids) AS s(id) ON s.id = i.id
     WHERE s.id IS NULL;
  END IF;
  IF cardinality(pair_sets) > 0 THEN
    PERFORM count_recorded(at, known_ordinals, set_numbers, costs, input_counts, output_counts, request_counts,
      pair_sets, pair_organizations, pair_budgets, pair_subjects, pair_starts, pair_ends);
  END IF;
  IF cardinality(prepaid) > 0 OR array_remove(hold_ids, NULL) <> '{}' THEN
    PERFORM settle_recorded(at, known_ordinals, organization_ids, ids, costs, request_counts, hold_ids, prepaid,
      CASE WHEN stored > 0 THEN required_credits END);
  END IF;
  IF stored = cardinality(ids) THEN RETURN; END IF;

  RETURN QUERY
    SELECT i.ordinal, e.id, e.body_hash, e.cost
      FROM unnest(organization_ids, ids, event_ids) WITH ORDINALITY AS i(organization_id, id, event_id, ordinal)
      JOIN usage_events e ON e.organization_id = i.organization_id AND e.event_id = i.event_id
     WHERE e.id <> i.id
    UNION ALL
    SELECT i.ordinal, r.id, r.body_hash, r.cost
      FROM unnest(organization_ids, event_ids) WITH ORDINALITY AS i(organization_id, event_id, ordinal)
      JOIN retired_usage_events r ON r.organization_id = i.organization_id AND r.event_id = i.event_id;
END $$;
