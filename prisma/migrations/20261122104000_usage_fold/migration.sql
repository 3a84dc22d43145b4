-- DropTable
DROP TABLE "usage_folds";

-- CreateTable
CREATE TABLE "usage_fold" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "usage_fold_pkey" PRIMARY KEY ("id")
);
INSERT INTO "usage_fold" DEFAULT VALUES;

-- AlterTable
ALTER TABLE "organizations" ADD COLUMN "retired_before" TIMESTAMPTZ(3);

-- Stores events, their deduplication and their sums in the caller's transaction (its own, when called alone).
-- One advisory lock per organization, taken in the order given (sorted by the caller), makes writers of one
-- organization take turns: sums cannot deadlock, and "position" is commit order within the organization. Each
-- statement below takes a new snapshot, so it sees what the writer before committed.
-- Returns the events that were not stored, since their event id was known, with what is stored under it.
CREATE OR REPLACE FUNCTION record_usage(
  locked_organizations uuid[], organization_ids uuid[], ids uuid[], event_ids text[], body_hashes bytea[],
  times timestamptz[], recorded_ats timestamptz[], series_ids int[], request_counts smallint[],
  input_counts bigint[], output_counts bigint[], cache_read_counts bigint[], cache_write_counts bigint[],
  cache_write_1h_counts bigint[], reasoning_counts bigint[], input_audio_counts bigint[], output_audio_counts bigint[],
  web_search_counts bigint[], costs numeric[], computed_costs numeric[], cost_sources text[], price_ids uuid[],
  unpriced_reasons text[], user_ids text[], tag_objects jsonb[], metadata_objects jsonb[], warning_lists jsonb[],
  hold_ids uuid[], voids_ids uuid[], void_reasons text[]
) RETURNS TABLE (ordinal bigint, id uuid, body_hash bytea, cost numeric)
LANGUAGE plpgsql AS $$
DECLARE
  locked uuid;
  stored bigint;
BEGIN
  -- Shared by all writers; the fold takes it alone for a moment, to know that no position below is still to come.
  PERFORM pg_advisory_xact_lock_shared(6384377010);
  FOREACH locked IN ARRAY locked_organizations LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(locked::text, 0));
  END LOOP;

  WITH stored_events AS (
    INSERT INTO usage_events AS e (
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, unpriced_reason, user_id, tags,
      metadata, warnings, hold_id, voids_id, void_reason)
    SELECT i.* FROM unnest(
        organization_ids, ids, event_ids, body_hashes, times, recorded_ats, series_ids, request_counts, input_counts,
        output_counts, cache_read_counts, cache_write_counts, cache_write_1h_counts, reasoning_counts,
        input_audio_counts, output_audio_counts, web_search_counts, costs, computed_costs, cost_sources, price_ids,
        unpriced_reasons, user_ids, tag_objects, metadata_objects, warning_lists, hold_ids, voids_ids, void_reasons
      ) AS i(organization_id, id, event_id)
     WHERE NOT EXISTS (
       SELECT FROM retired_usage_events r WHERE r.organization_id = i.organization_id AND r.event_id = i.event_id)
    ON CONFLICT DO NOTHING
    RETURNING e.organization_id, e.time, e.series_id, e.requests, e.input_tokens, e.output_tokens, e.cache_read_tokens,
      e.cache_write_tokens, e.reasoning_tokens, e.cost),
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
  SELECT coalesce(sum(s.event_rows), 0) INTO stored FROM quarter_hour_sums s;

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
