-- CreateEnum
CREATE TYPE "plan" AS ENUM ('free', 'pro', 'enterprise');

-- CreateEnum
CREATE TYPE "credits_mode" AS ENUM ('none', 'prepaid');

-- CreateTable
CREATE TABLE "organizations" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "plan" "plan" NOT NULL DEFAULT 'free',
    "credits_mode" "credits_mode" NOT NULL DEFAULT 'none',
    "retention_days" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "teams" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "teams_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "team_id" UUID,
    "name" TEXT NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "hint" TEXT NOT NULL,
    "scopes" TEXT[],
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor_key_id" UUID,
    "action" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "prices" (
    "id" UUID NOT NULL,
    "organization_id" UUID,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "match" JSONB NOT NULL,
    "service_tier" TEXT,
    "valid_from" TIMESTAMPTZ(3),
    "valid_to" TIMESTAMPTZ(3),
    "daily_window" JSONB,
    "units" JSONB NOT NULL,
    "source" TEXT NOT NULL,
    "source_version" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "prices_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "catalog_versions" (
    "version" TEXT NOT NULL,
    "providers" JSONB NOT NULL,
    "imported_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "catalog_versions_pkey" PRIMARY KEY ("version")
);

-- CreateTable
CREATE TABLE "catalog_entries" (
    "version" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "price_id" UUID NOT NULL,

    CONSTRAINT "catalog_entries_pkey" PRIMARY KEY ("version","ordinal")
);

-- CreateTable
CREATE TABLE "usage_series" (
    "organization_id" UUID NOT NULL,
    "id" SERIAL NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "service_tier" TEXT NOT NULL,
    "team_id" UUID,
    "api_key_id" UUID NOT NULL,

    CONSTRAINT "usage_series_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "usage_events" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "event_id" TEXT NOT NULL,
    "body_hash" BYTEA NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "time" TIMESTAMPTZ(3) NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "series_id" INTEGER NOT NULL,
    "requests" SMALLINT NOT NULL DEFAULT 1,
    "input_tokens" BIGINT NOT NULL,
    "output_tokens" BIGINT NOT NULL,
    "cache_read_tokens" BIGINT NOT NULL,
    "cache_write_tokens" BIGINT NOT NULL,
    "cache_write_1h_tokens" BIGINT NOT NULL,
    "reasoning_tokens" BIGINT NOT NULL,
    "input_audio_tokens" BIGINT NOT NULL,
    "output_audio_tokens" BIGINT NOT NULL,
    "web_searches" BIGINT NOT NULL,
    "cost" DECIMAL(38,18),
    "computed_cost" DECIMAL(38,18),
    "cost_source" TEXT NOT NULL,
    "price_id" UUID,
    "unpriced_reason" TEXT,
    "user_id" TEXT,
    "tags" JSONB,
    "metadata" JSONB,
    "warnings" JSONB,
    "hold_id" UUID,
    "voids_id" UUID,
    "void_reason" TEXT,

    CONSTRAINT "usage_events_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "usage_quarter_hours" (
    "organization_id" UUID NOT NULL,
    "bucket" TIMESTAMPTZ(3) NOT NULL,
    "series_id" INTEGER NOT NULL,
    "requests" BIGINT NOT NULL,
    "input_tokens" BIGINT NOT NULL,
    "output_tokens" BIGINT NOT NULL,
    "cache_read_tokens" BIGINT NOT NULL,
    "cache_write_tokens" BIGINT NOT NULL,
    "reasoning_tokens" BIGINT NOT NULL,
    "cost" DECIMAL(38,18) NOT NULL,
    "unpriced_requests" BIGINT NOT NULL,

    CONSTRAINT "usage_quarter_hours_pkey" PRIMARY KEY ("organization_id","bucket","series_id")
);

-- CreateTable
CREATE TABLE "usage_days" (
    "organization_id" UUID NOT NULL,
    "bucket" TIMESTAMPTZ(3) NOT NULL,
    "series_id" INTEGER NOT NULL,
    "requests" BIGINT NOT NULL,
    "input_tokens" BIGINT NOT NULL,
    "output_tokens" BIGINT NOT NULL,
    "cache_read_tokens" BIGINT NOT NULL,
    "cache_write_tokens" BIGINT NOT NULL,
    "reasoning_tokens" BIGINT NOT NULL,
    "cost" DECIMAL(38,18) NOT NULL,
    "unpriced_requests" BIGINT NOT NULL,

    CONSTRAINT "usage_days_pkey" PRIMARY KEY ("organization_id","bucket","series_id")
);

-- CreateTable
CREATE TABLE "retired_usage_events" (
    "organization_id" UUID NOT NULL,
    "event_id" TEXT NOT NULL,
    "id" UUID NOT NULL,
    "body_hash" BYTEA NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "cost" DECIMAL(38,18),

    CONSTRAINT "retired_usage_events_pkey" PRIMARY KEY ("organization_id","event_id")
);

-- CreateTable
CREATE TABLE "rate_limits" (
    "key" VARCHAR(255) NOT NULL,
    "points" INTEGER NOT NULL DEFAULT 0,
    "expire" BIGINT,

    CONSTRAINT "rate_limits_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "teams_organization_id_id_idx" ON "teams"("organization_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_secret_hash_key" ON "api_keys"("secret_hash");

-- CreateIndex
CREATE INDEX "api_keys_organization_id_id_idx" ON "api_keys"("organization_id", "id");

-- CreateIndex
CREATE INDEX "prices_organization_id_provider_model_idx" ON "prices"("organization_id", "provider", "model");

-- CreateIndex



-- CreateIndex
CREATE UNIQUE INDEX "usage_events_organization_id_event_id_key" ON "usage_events"("organization_id", "event_id");

-- AddForeignKey
ALTER TABLE "teams" ADD CONSTRAINT "teams_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "catalog_entries" ADD CONSTRAINT "catalog_entries_version_fkey" FOREIGN KEY ("version") REFERENCES "catalog_versions"("version") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "catalog_entries" ADD CONSTRAINT "catalog_entries_price_id_fkey" FOREIGN KEY ("price_id") REFERENCES "prices"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma's schema cannot say.

-- Event ids are compared byte by byte: faster than a locale, and the same on every server.
ALTER TABLE "usage_events" ALTER COLUMN "event_id" TYPE text COLLATE "C";
ALTER TABLE "retired_usage_events" ALTER COLUMN "event_id" TYPE text COLLATE "C";

-- Commit order and recording time follow the heap, so block ranges find "what came after" at almost no cost a write.
CREATE INDEX "usage_events_position_brin" ON "usage_events" USING brin ("position", "recorded_at")
  WITH (pages_per_range = 32, autosummarize = on);

CREATE UNIQUE INDEX "usage_series_key" ON "usage_series"
  ("organization_id", "provider", "model", "service_tier", "api_key_id", "team_id") NULLS NOT DISTINCT;

-- Rollup rows are updated in place again and again: room on the page keeps their index entries still.
ALTER TABLE "usage_quarter_hours" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "usage_days" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Stores events, their deduplication and their sums in the caller's transaction (its own, when called alone).
-- One advisory lock per organization, taken in the order given (sorted by the caller), makes writers of one
-- organization take turns: sums cannot deadlock, and "position" is commit order within the organization. Each
-- statement below takes a new snapshot, so it sees what the writer before committed.
-- Returns the events that were not stored, since their event id was known, with what is stored under it.
CREATE FUNCTION record_usage(
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
