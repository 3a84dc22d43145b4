-- The tables, as prisma/schema.prisma describes them. The two event_id columns have the collation
-- "C", which Prisma cannot say: event ids are compared byte by byte, which is faster than a locale
-- and the same on every server.

-- CreateEnum
CREATE TYPE "plan" AS ENUM ('free', 'pro', 'enterprise');

-- CreateEnum
CREATE TYPE "credits_mode" AS ENUM ('none', 'prepaid');

-- CreateEnum
CREATE TYPE "organization_status" AS ENUM ('active', 'suspended');

-- CreateEnum
CREATE TYPE "credits_by" AS ENUM ('organization', 'operator');

-- CreateEnum
CREATE TYPE "member_role" AS ENUM ('owner', 'admin', 'member', 'viewer');

-- CreateEnum
CREATE TYPE "webhook_format" AS ENUM ('standard', 'slack');

-- CreateEnum
CREATE TYPE "webhook_status" AS ENUM ('enabled', 'disabled');

-- CreateEnum
CREATE TYPE "webhook_disabled_reason" AS ENUM ('gone', 'failing', 'by_hand');

-- CreateEnum
CREATE TYPE "delivery_status" AS ENUM ('pending', 'succeeded', 'failed', 'cancelled');

-- CreateTable
CREATE TABLE "organizations" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "plan" "plan" NOT NULL DEFAULT 'free',
    "credits_mode" "credits_mode" NOT NULL DEFAULT 'none',
    "credits_by" "credits_by" NOT NULL DEFAULT 'organization',
    "status" "organization_status" NOT NULL DEFAULT 'active',
    "retention_days" INTEGER,
    "retired_before" TIMESTAMPTZ(3),
    "budget_version" BIGINT NOT NULL DEFAULT 0,
    "price_version" BIGINT NOT NULL DEFAULT 0,
    "adjusted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "organization_changes" (
    "organization_id" UUID NOT NULL,
    "change_number" BIGSERIAL NOT NULL,

    CONSTRAINT "organization_changes_pkey" PRIMARY KEY ("organization_id")
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
CREATE TABLE "members" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" "member_role" NOT NULL,
    "own_key_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "members_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "invites" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "role" "member_role" NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "accepted_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "invites_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "team_id" UUID,
    "member_id" UUID,
    "name" TEXT NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "previous_secret_hash" BYTEA,
    "previous_secret_until" TIMESTAMPTZ(3),
    "hint" TEXT NOT NULL,
    "scopes" TEXT[],
    "otlp_exclusive_input" BOOLEAN NOT NULL DEFAULT false,
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
    "actor_member_id" UUID,
    "address" TEXT,
    "action" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "organization_id" UUID NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "route" TEXT NOT NULL,
    "body_hash" BYTEA NOT NULL,
    "status" SMALLINT,
    "body" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("organization_id","key_hash","route")
);

-- CreateTable
CREATE TABLE "prices" (
    "id" UUID NOT NULL,
    "organization_id" UUID,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "match" JSONB NOT NULL,
    "service_tier" TEXT,
    "region" TEXT,
    "valid_from" TIMESTAMPTZ(3),
    "valid_to" TIMESTAMPTZ(3),
    "daily_window" JSONB,
    "units" JSONB NOT NULL,
    "discount_percent" DECIMAL(21,18),
    "source" TEXT NOT NULL,
    "source_version" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "prices_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "model_aliases" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "target_provider" TEXT NOT NULL,
    "target_model" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "model_aliases_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "catalog_versions" (
    "version" TEXT NOT NULL,
    "providers" JSONB NOT NULL,
    "as_of" TIMESTAMPTZ(3) NOT NULL,
    "imported_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "priced_later_at" TIMESTAMPTZ(3),

    CONSTRAINT "catalog_versions_pkey" PRIMARY KEY ("version")
);

-- CreateTable
CREATE TABLE "catalog_entries" (
    "version" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "price_id" UUID NOT NULL,
    "agreement" TEXT NOT NULL,
    "sources" JSONB NOT NULL,
    "dispute" TEXT,

    CONSTRAINT "catalog_entries_pkey" PRIMARY KEY ("version","ordinal")
);

-- CreateTable
CREATE TABLE "price_feeds" (
    "source" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "read_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "price_feeds_pkey" PRIMARY KEY ("source")
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
    "event_id" TEXT COLLATE "C" NOT NULL,
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
    "details" JSONB,
    "hold_id" UUID,
    "voids_id" UUID,
    "void_reason" TEXT,
    "adjusts_id" UUID,
    "unpriced_change" SMALLINT,

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
    "cost" DECIMAL NOT NULL,
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
    "cost" DECIMAL NOT NULL,
    "unpriced_requests" BIGINT NOT NULL,

    CONSTRAINT "usage_days_pkey" PRIMARY KEY ("organization_id","bucket","series_id")
);

-- CreateTable
CREATE TABLE "retired_usage_events" (
    "organization_id" UUID NOT NULL,
    "event_id" TEXT COLLATE "C" NOT NULL,
    "id" UUID NOT NULL,
    "body_hash" BYTEA NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "cost" DECIMAL(38,18),

    CONSTRAINT "retired_usage_events_pkey" PRIMARY KEY ("organization_id","event_id")
);

-- CreateTable
CREATE TABLE "usage_responses" (
    "organization_id" UUID NOT NULL,
    "response_id" TEXT COLLATE "C" NOT NULL,
    "event_id" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "usage_responses_pkey" PRIMARY KEY ("organization_id","response_id")
);

-- CreateTable
CREATE TABLE "unpriced_models" (
    "organization_id" UUID NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "service_tier" TEXT NOT NULL,
    "reason" TEXT NOT NULL,

    CONSTRAINT "unpriced_models_pkey" PRIMARY KEY ("organization_id","provider","model","service_tier","reason")
);

-- CreateTable
CREATE TABLE "rate_limits" (
    "key" VARCHAR(255) NOT NULL,
    "points" INTEGER NOT NULL DEFAULT 0,
    "expire" BIGINT,

    CONSTRAINT "rate_limits_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "usage_attributions" (
    "organization_id" UUID NOT NULL,
    "id" SERIAL NOT NULL,
    "hash" BYTEA NOT NULL,
    "user_id" TEXT,
    "tags" JSONB,

    CONSTRAINT "usage_attributions_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "usage_attribution_days" (
    "organization_id" UUID NOT NULL,
    "bucket" TIMESTAMPTZ(3) NOT NULL,
    "series_id" INTEGER NOT NULL,
    "attribution_id" INTEGER NOT NULL,
    "requests" BIGINT NOT NULL,
    "input_tokens" BIGINT NOT NULL,
    "output_tokens" BIGINT NOT NULL,
    "cache_read_tokens" BIGINT NOT NULL,
    "cache_write_tokens" BIGINT NOT NULL,
    "reasoning_tokens" BIGINT NOT NULL,
    "cost" DECIMAL NOT NULL,
    "unpriced_requests" BIGINT NOT NULL,

    CONSTRAINT "usage_attribution_days_pkey" PRIMARY KEY ("organization_id","bucket","series_id","attribution_id")
);

-- CreateTable
CREATE TABLE "usage_fold" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "usage_fold_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "budgets" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "unit" TEXT NOT NULL,
    "amount" DECIMAL(38,18) NOT NULL,
    "raise_amount" DECIMAL(38,18),
    "raise_until" TIMESTAMPTZ(3),
    "raise_ended" BOOLEAN NOT NULL DEFAULT false,
    "period" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,
    "team_id" UUID,
    "user_id" TEXT,
    "provider" TEXT,
    "model" TEXT,
    "api_key_id" UUID,
    "tags" JSONB,
    "per" TEXT,
    "thresholds" INTEGER[],
    "action" TEXT NOT NULL,
    "counted_from" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "budgets_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "budget_counters" (
    "organization_id" UUID NOT NULL,
    "budget_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "period_start" TIMESTAMPTZ(3) NOT NULL,
    "period_end" TIMESTAMPTZ(3) NOT NULL,
    "spent" DECIMAL NOT NULL,
    "held" DECIMAL NOT NULL DEFAULT 0,
    "matched_events" BIGINT NOT NULL DEFAULT 0,
    "exceeded" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "budget_counters_pkey" PRIMARY KEY ("organization_id","budget_id","period_start","subject")
);

-- CreateTable
CREATE TABLE "budget_crossings" (
    "organization_id" UUID NOT NULL,
    "budget_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "period_start" TIMESTAMPTZ(3) NOT NULL,
    "threshold" INTEGER NOT NULL,
    "crossing" INTEGER NOT NULL DEFAULT 1,
    "crossed_at" TIMESTAMPTZ(3) NOT NULL,
    "recovered_at" TIMESTAMPTZ(3),

    CONSTRAINT "budget_crossings_pkey" PRIMARY KEY ("organization_id","budget_id","subject","period_start","threshold")
);

-- CreateTable
CREATE TABLE "holds" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "status" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "amount" DECIMAL(38,18),
    "tokens" BIGINT NOT NULL,
    "credit_amount" DECIMAL(38,18) NOT NULL DEFAULT 0,
    "team_id" UUID,
    "api_key_id" UUID NOT NULL,
    "user_id" TEXT,
    "tags" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),
    "settled_by" UUID,
    "budget_ids" UUID[] DEFAULT ARRAY[]::UUID[],
    "subjects" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "period_starts" TIMESTAMPTZ(3)[] DEFAULT ARRAY[]::TIMESTAMPTZ(3)[],
    "reserved" DECIMAL(38,18)[] DEFAULT ARRAY[]::DECIMAL(38,18)[],

    CONSTRAINT "holds_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "events" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "type" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "team_id" UUID,
    "data" JSONB NOT NULL,

    CONSTRAINT "events_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "webhooks" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "team_id" UUID,
    "url" TEXT NOT NULL,
    "event_types" TEXT[],
    "format" "webhook_format" NOT NULL DEFAULT 'standard',
    "description" TEXT,
    "status" "webhook_status" NOT NULL DEFAULT 'enabled',
    "disabled_reason" "webhook_disabled_reason",
    "secret" BYTEA NOT NULL,
    "previous_secret" BYTEA,
    "previous_secret_until" TIMESTAMPTZ(3),
    "sender" UUID,
    "sender_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhooks_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "webhook_deliveries" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "webhook_id" UUID NOT NULL,
    "event_id" UUID NOT NULL,
    "event_type" TEXT NOT NULL,
    "status" "delivery_status" NOT NULL DEFAULT 'pending',
    "attempts" JSONB NOT NULL DEFAULT '[]',
    "first_attempt_at" TIMESTAMPTZ(3),
    "next_attempt_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "webhook_deliveries_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "credit_grants" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "amount" DECIMAL(38,18) NOT NULL,
    "remaining" DECIMAL(38,18) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "priority" INTEGER NOT NULL DEFAULT 0,
    "note" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "credit_grants_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "credit_entries" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "cause" TEXT NOT NULL,
    "amount" DECIMAL NOT NULL,
    "grant_id" UUID,
    "usage_event_id" UUID,
    "hold_id" UUID,

    CONSTRAINT "credit_entries_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "credit_accounts" (
    "organization_id" UUID NOT NULL,
    "held" DECIMAL NOT NULL DEFAULT 0,
    "overdraft" DECIMAL NOT NULL DEFAULT 0,
    "low" BOOLEAN NOT NULL DEFAULT false,
    "exhausted" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "credit_accounts_pkey" PRIMARY KEY ("organization_id")
);

-- CreateTable
CREATE TABLE "jobs" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "team_id" UUID,
    "input" JSONB NOT NULL,
    "actor_key_id" UUID NOT NULL,
    "total" BIGINT NOT NULL,
    "done" BIGINT NOT NULL DEFAULT 0,
    "changed" BIGINT NOT NULL DEFAULT 0,
    "cost_before" DECIMAL NOT NULL DEFAULT 0,
    "cost_after" DECIMAL NOT NULL DEFAULT 0,
    "place" UUID,
    "revision" BIGINT NOT NULL DEFAULT 0,
    "holder" UUID,
    "held_until" TIMESTAMPTZ(3),
    "failures" INTEGER NOT NULL DEFAULT 0,
    "error" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "jobs_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "job_sums" (
    "organization_id" UUID NOT NULL,
    "job_id" UUID NOT NULL,
    "day" DATE NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "events" BIGINT NOT NULL,
    "cost_before" DECIMAL NOT NULL,
    "cost_after" DECIMAL NOT NULL,

    CONSTRAINT "job_sums_pkey" PRIMARY KEY ("organization_id","job_id","day","provider","model")
);

-- CreateTable
CREATE TABLE "anomaly_incidents" (
    "organization_id" UUID NOT NULL,
    "series" TEXT NOT NULL,
    "interval" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "last_over_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "told_at" TIMESTAMPTZ(3),

    CONSTRAINT "anomaly_incidents_pkey" PRIMARY KEY ("organization_id","series","interval","started_at")
);

-- CreateTable
CREATE TABLE "anomaly_mutes" (
    "organization_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "team_id" UUID,
    "api_key_id" UUID,
    "until" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "anomaly_mutes_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "organization_changes_change_number_key" ON "organization_changes"("change_number");

-- CreateIndex
CREATE INDEX "teams_organization_id_id_idx" ON "teams"("organization_id", "id");

-- CreateIndex
CREATE INDEX "members_organization_id_team_id_id_idx" ON "members"("organization_id", "team_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "invites_token_hash_key" ON "invites"("token_hash");

-- CreateIndex
CREATE INDEX "invites_organization_id_team_id_id_idx" ON "invites"("organization_id", "team_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_previous_secret_hash_key" ON "api_keys"("previous_secret_hash");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_secret_hash_key" ON "api_keys"("secret_hash");

-- CreateIndex
CREATE INDEX "api_keys_organization_id_id_idx" ON "api_keys"("organization_id", "id");

-- CreateIndex
CREATE INDEX "audit_entries_organization_id_actor_key_id_id_idx" ON "audit_entries"("organization_id", "actor_key_id", "id");

-- CreateIndex
CREATE INDEX "audit_entries_organization_id_actor_member_id_id_idx" ON "audit_entries"("organization_id", "actor_member_id", "id");

-- CreateIndex
CREATE INDEX "audit_entries_organization_id_action_id_idx" ON "audit_entries"("organization_id", "action", "id");

-- CreateIndex
CREATE INDEX "audit_entries_organization_id_target_id_id_idx" ON "audit_entries"("organization_id", "target_id", "id");

-- CreateIndex
CREATE INDEX "prices_organization_id_provider_model_idx" ON "prices"("organization_id", "provider", "model");

-- CreateIndex
CREATE UNIQUE INDEX "model_aliases_organization_id_provider_model_key" ON "model_aliases"("organization_id", "provider", "model");

-- CreateIndex
CREATE INDEX "usage_series_organization_id_api_key_id_idx" ON "usage_series"("organization_id", "api_key_id");

-- CreateIndex
CREATE UNIQUE INDEX "usage_events_organization_id_event_id_key" ON "usage_events"("organization_id", "event_id");

-- CreateIndex
CREATE UNIQUE INDEX "usage_attributions_organization_id_hash_key" ON "usage_attributions"("organization_id", "hash");

-- CreateIndex
CREATE INDEX "usage_attributions_organization_id_user_id_idx" ON "usage_attributions"("organization_id", "user_id");

-- CreateIndex
CREATE INDEX "usage_attribution_days_organization_id_attribution_id_bucke_idx" ON "usage_attribution_days"("organization_id", "attribution_id", "bucket");

-- CreateIndex
CREATE UNIQUE INDEX "events_organization_id_position_key" ON "events"("organization_id", "position");

-- CreateIndex
CREATE UNIQUE INDEX "webhook_deliveries_organization_id_webhook_id_position_key" ON "webhook_deliveries"("organization_id", "webhook_id", "position");

-- CreateIndex
CREATE UNIQUE INDEX "credit_entries_organization_id_position_key" ON "credit_entries"("organization_id", "position");

-- AddForeignKey
ALTER TABLE "teams" ADD CONSTRAINT "teams_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "members" ADD CONSTRAINT "members_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "invites" ADD CONSTRAINT "invites_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_member_id_fkey" FOREIGN KEY ("member_id") REFERENCES "members"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "catalog_entries" ADD CONSTRAINT "catalog_entries_version_fkey" FOREIGN KEY ("version") REFERENCES "catalog_versions"("version") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "catalog_entries" ADD CONSTRAINT "catalog_entries_price_id_fkey" FOREIGN KEY ("price_id") REFERENCES "prices"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma's schema cannot say.

-- A team that was deleted does not keep its name from others.
CREATE UNIQUE INDEX "teams_living_name_key" ON "teams" ("organization_id", "name") WHERE "deleted_at" IS NULL;
CREATE UNIQUE INDEX "members_living_email_key" ON "members" ("team_id", "email") WHERE "removed_at" IS NULL;
CREATE UNIQUE INDEX "invites_open_email_key" ON "invites" ("team_id", "email")
  WHERE "accepted_at" IS NULL AND "revoked_at" IS NULL;

-- An organization's living keys are counted whenever one is made.
CREATE INDEX "api_keys_living_idx" ON "api_keys" ("organization_id", "expires_at") WHERE "revoked_at" IS NULL;

-- A null team is a value like any other here.
CREATE UNIQUE INDEX "usage_series_key" ON "usage_series"
  ("organization_id", "provider", "model", "service_tier", "api_key_id", "team_id") NULLS NOT DISTINCT;

-- Position and recording time grow with the table, so an index of block ranges finds the newest
-- events at almost no cost to a write.
CREATE INDEX "usage_events_position_brin" ON "usage_events" USING brin ("position", "recorded_at")
  WITH (pages_per_range = 32, autosummarize = on);

-- Only active holds are indexed. So a plan that was made while the table was small cannot use this
-- index to find a hold by its id, which would read every hold that the organization ever had.
CREATE INDEX "holds_active_idx" ON "holds" ("organization_id", "expires_at") WHERE status = 'active';

-- Raises whose end is still to be announced: whoever reads budgets looks for those that are over.
CREATE INDEX "budgets_raise_idx" ON "budgets" ("organization_id", "raise_until")
  WHERE NOT raise_ended AND raise_until IS NOT NULL AND ended_at IS NULL AND deleted_at IS NULL;

-- What has no price yet, for when one becomes known: days with such requests, and the events themselves.
-- An event with a price is in neither, so recording it hardly pays for them.
CREATE INDEX "usage_days_unpriced_idx" ON "usage_days" ("organization_id", "series_id", "bucket")
  WHERE "unpriced_requests" <> 0;
CREATE INDEX "usage_events_unpriced_idx" ON "usage_events" ("organization_id", "series_id", "id")
  WHERE "cost" IS NULL AND "voids_id" IS NULL AND "unpriced_reason" IS DISTINCT FROM 'no_usage_reported';

-- A void gives credits back where its event took some: this index finds what the event took.
CREATE INDEX "credit_entries_usage_event_idx" ON "credit_entries" ("organization_id", "usage_event_id")
  WHERE "usage_event_id" IS NOT NULL;

-- An organization has one job at a time. Processes find by this index what is to be run.
CREATE UNIQUE INDEX "jobs_open_key" ON "jobs" ("organization_id") WHERE status IN ('queued', 'running');

-- What waits to be sent, by webhook: only pending rows are indexed, so the log may grow without
-- slowing the sender. The other index answers whether anything has reached a webhook lately.
CREATE INDEX "webhook_deliveries_due_idx" ON "webhook_deliveries"
  ("organization_id", "webhook_id", "next_attempt_at", "position") WHERE status = 'pending';
CREATE INDEX "webhook_deliveries_succeeded_idx" ON "webhook_deliveries" ("organization_id", "webhook_id", "finished_at")
  WHERE status = 'succeeded';

-- These rows are updated again and again. Free room on a page lets PostgreSQL write the new version
-- there, without touching the indexes.
ALTER TABLE "usage_quarter_hours" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "usage_days" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "budget_counters" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "webhooks" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "jobs" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "credit_accounts" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The fold's position is one row, which is there from the start.
INSERT INTO "usage_fold" DEFAULT VALUES;

-- The functions, in the text of prisma/functions. They call one another, so their bodies are not
-- checked here.
SET check_function_bodies = off;

-- Adds to a stored sum of tokens or requests. It stays within 4 * 10^18, where one event, of at
-- most 10^12, can be added without an overflow: recording never fails for the size of a sum.
-- Answers end at 2^53-1, long before. It is inlined, so it costs what its expression costs.
CREATE OR REPLACE FUNCTION add_counts(kept bigint, added bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT least(greatest(kept + added, -4000000000000000000), 4000000000000000000)
$$;

-- Announces, at the very end of a transaction, that what processes remember of an organization was
-- changed: the deferred triggers of organizations, teams, members and api_keys call it. Everybody who
-- announces holds one lock until the commit, so numbers become visible in their order: whoever has
-- seen a number has seen all lower ones. A number that was drawn without the lock could be committed
-- after a higher one, and would then be missed. Nothing else is locked after this lock, so nobody
-- waits in a circle.
CREATE OR REPLACE FUNCTION announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  organization uuid;
BEGIN
  IF TG_TABLE_NAME = 'organizations' THEN organization := OLD.id; ELSE organization := OLD.organization_id; END IF;
  PERFORM pg_advisory_xact_lock(6384377011);
  INSERT INTO organization_changes (organization_id) VALUES (organization)
  ON CONFLICT (organization_id) DO UPDATE SET change_number = excluded.change_number;
  RETURN NULL;
END $$;

-- What an organization can spend or hold, in USD: what its grants have left, less what holds
-- reserve and less its overdraft. A grant that has expired still counts here until expire_grants
-- has emptied it, so the caller does that first.
CREATE OR REPLACE FUNCTION available_credits(organization uuid) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT sum(g.remaining) FROM credit_grants g WHERE g.organization_id = organization), 0)
       - coalesce((SELECT a.held + a.overdraft FROM credit_accounts a WHERE a.organization_id = organization), 0)
$$;

-- The amount of a budget that is in force at a moment: a raise counts until its time is over. Once
-- that was announced, the raise stays over, also for a process whose clock is behind.
CREATE OR REPLACE FUNCTION budget_limit(budget budgets, at timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
  SELECT budget.amount + CASE WHEN budget.raise_until > at AND NOT budget.raise_ended THEN coalesce(budget.raise_amount, 0) ELSE 0 END
$$;

-- Takes an amount in USD from an organization's grants: the lowest priority number burns first,
-- then the grant that expires soonest. What all grants together cannot pay becomes an overdraft. A
-- negative amount is given back: to the overdraft first, then to the grants in the reverse order.
-- Where no living grant has room for it, the money belonged to a grant that has expired since, and
-- the rest is written off as expired too. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION burn_credits(organization uuid, at timestamptz, total numeric)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved numeric := 0;
BEGIN
  INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
  IF total > 0 THEN
    WITH parts AS (
      SELECT g.id, least(g.remaining, greatest(0, total - (sum(g.remaining) OVER burning - g.remaining))) AS part
        FROM credit_grants g WHERE g.organization_id = organization AND g.remaining > 0
      WINDOW burning AS (ORDER BY g.priority, g.expires_at NULLS LAST, g.id)),
    burnt AS (
      UPDATE credit_grants g SET remaining = g.remaining - p.part FROM parts p
       WHERE g.organization_id = organization AND g.id = p.id AND p.part > 0 RETURNING p.part)
    SELECT coalesce(sum(part), 0) INTO moved FROM burnt;
    UPDATE credit_accounts a SET overdraft = a.overdraft + total - moved WHERE a.organization_id = organization;
  ELSIF total < 0 THEN
    SELECT least(a.overdraft, -total) INTO moved FROM credit_accounts a WHERE a.organization_id = organization;
    UPDATE credit_accounts a SET overdraft = a.overdraft - moved WHERE a.organization_id = organization;
    total := total + moved;
    WITH parts AS (
      SELECT g.id,
             least(g.amount - g.remaining,
                   greatest(0, -total - (sum(g.amount - g.remaining) OVER back - (g.amount - g.remaining)))) AS part
        FROM credit_grants g
       WHERE g.organization_id = organization AND g.remaining < g.amount AND (g.expires_at IS NULL OR g.expires_at > at)
      WINDOW back AS (ORDER BY g.priority DESC, g.expires_at DESC NULLS FIRST, g.id DESC)),
    returned AS (
      UPDATE credit_grants g SET remaining = g.remaining + p.part FROM parts p
       WHERE g.organization_id = organization AND g.id = p.id AND p.part > 0 RETURNING p.part)
    SELECT coalesce(sum(part), 0) INTO moved FROM returned;
    IF total + moved < 0 THEN
      INSERT INTO credit_entries (organization_id, id, at, cause, amount)
      VALUES (organization, uuid_v7_at(at), at, 'expiry', total + moved);
    END IF;
  END IF;
END $$;

-- Cancels what waits for webhooks that are disabled or deleted, in the order of the ids, in which
-- the sender locks what it has tried. The caller has changed the webhooks' rows already.
CREATE OR REPLACE FUNCTION cancel_webhook_deliveries(organization uuid, webhooks uuid[], at timestamptz)
RETURNS void LANGUAGE sql AS $$
  UPDATE webhook_deliveries d SET status = 'cancelled', next_attempt_at = NULL, finished_at = at FROM (
    SELECT q.organization_id, q.id FROM webhook_deliveries q
     WHERE q.organization_id = organization AND q.webhook_id = ANY (webhooks) AND q.status = 'pending'
     ORDER BY q.id FOR UPDATE) waiting
   WHERE d.organization_id = waiting.organization_id AND d.id = waiting.id
$$;

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

-- What the ledger says was used of a budget in a span of time, by subject. The counters are kept
-- equal to this. Where retention has removed the events, their sums are read instead: quarter
-- hours, or, for a budget that looks at users or tags, whole UTC days, each of which counts for the
-- span it begins in.
CREATE OR REPLACE FUNCTION count_budget(organization uuid, budget uuid, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (subject text, spent numeric, matched bigint) LANGUAGE sql STABLE AS $$
  WITH rule AS MATERIALIZED (
    SELECT b.*, coalesce(b.user_id IS NOT NULL OR b.tags IS NOT NULL OR b.per = 'user' OR b.per LIKE 'tag:%', false)
           AS by_attribution
      FROM budgets b WHERE b.organization_id = organization AND b.id = budget),
  kept AS MATERIALIZED (
    -- Sums are read up to `summed_until`, and events from there on.
    SELECT by_attribution, o.retired_before,
           CASE WHEN by_attribution AND date_trunc('day', o.retired_before, 'UTC') >= from_time
                THEN date_trunc('day', o.retired_before - interval '1 microsecond', 'UTC') + interval '24 hours'
                ELSE o.retired_before END AS summed_until
      FROM rule, organizations o WHERE o.id = organization AND o.retired_before > from_time
    UNION ALL
    SELECT by_attribution, NULL, from_time FROM rule
     WHERE NOT EXISTS (SELECT FROM organizations o WHERE o.id = organization AND o.retired_before > from_time)),
  events AS (
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens AS tokens, e.requests::bigint,
           1 AS sign
      FROM kept k JOIN usage_events e ON e.organization_id = organization
       AND e.id >= uuid_floor(k.summed_until) AND e.id < uuid_floor(to_time)
    UNION ALL
    -- These are in the sum of the day that retention ends in, but lie behind the span: they are
    -- taken off.
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens, e.requests::bigint, -1
      FROM kept k JOIN usage_events e ON e.organization_id = organization AND k.retired_before IS NOT NULL
       AND e.id >= uuid_floor(greatest(to_time, k.retired_before)) AND e.id < uuid_floor(k.summed_until)
     WHERE k.by_attribution AND date_trunc('day', k.retired_before, 'UTC') < to_time
    UNION ALL
    -- These are of the summed days, but the fold has not reached them yet.
    SELECT e.series_id, e.user_id, e.tags, e.cost, e.input_tokens + e.output_tokens, e.requests::bigint, 1
      FROM kept k JOIN usage_events e ON e.organization_id = organization AND k.retired_before IS NOT NULL
       AND e.id >= uuid_floor(from_time) AND e.id < uuid_floor(k.summed_until)
     WHERE k.by_attribution AND e.position > (SELECT f.position FROM usage_fold f)
       AND date_trunc('day', e.time, 'UTC') >= from_time AND date_trunc('day', e.time, 'UTC') < to_time),
  usage AS (
    SELECT e.series_id, e.user_id, e.tags, e.cost * e.sign AS cost, e.tokens * e.sign AS tokens,
           e.requests * e.sign AS requests
      FROM events e
    UNION ALL
    SELECT q.series_id, NULL, NULL, q.cost, q.input_tokens + q.output_tokens, q.requests
      FROM kept k JOIN usage_quarter_hours q ON q.organization_id = organization AND k.retired_before IS NOT NULL
       AND q.bucket >= from_time AND q.bucket < least(k.summed_until, to_time) AND NOT k.by_attribution
    UNION ALL
    SELECT d.series_id, a.user_id, a.tags, d.cost, d.input_tokens + d.output_tokens, d.requests
      FROM kept k JOIN usage_attribution_days d ON d.organization_id = organization AND k.retired_before IS NOT NULL
       AND d.bucket >= from_time AND d.bucket < least(k.summed_until, to_time) AND k.by_attribution
      JOIN usage_attributions a ON a.organization_id = organization AND a.id = d.attribution_id)
  SELECT * FROM (
    SELECT CASE WHEN r.per IS NULL THEN '' WHEN r.per = 'team' THEN s.team_id::text WHEN r.per = 'user' THEN u.user_id
                WHEN r.per = 'api_key' THEN s.api_key_id::text ELSE u.tags ->> substr(r.per, 5) END AS subject,
           sum(CASE r.unit WHEN 'usd' THEN coalesce(u.cost, 0) ELSE u.tokens END) AS spent,
           sum(u.requests)::bigint AS matched
      FROM rule r CROSS JOIN usage u JOIN usage_series s ON s.organization_id = organization AND s.id = u.series_id
     WHERE (r.team_id IS NULL OR s.team_id = r.team_id) AND (r.user_id IS NULL OR u.user_id = r.user_id)
       AND (r.provider IS NULL OR s.provider = r.provider) AND (r.model IS NULL OR s.model = r.model)
       AND (r.api_key_id IS NULL OR s.api_key_id = r.api_key_id) AND (r.tags IS NULL OR u.tags @> r.tags)
     GROUP BY 1) counted
   WHERE counted.subject IS NOT NULL
$$;

-- Lets a new budget count the holds that are open: each reserves there from then on, in the period
-- that it was made in, as if the budget had been there before it. The periods given are those that
-- a hold which is still open can have been made in. The caller holds the organization's lock, so no
-- hold is made or closed meanwhile; whoever makes one next has the newer list of budgets.
CREATE OR REPLACE FUNCTION count_open_holds(
  organization uuid, budget uuid, at timestamptz, starts timestamptz[], ends timestamptz[]
) RETURNS void LANGUAGE plpgsql
-- Each hold is found by its id, however many the organization ever had.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  late record;
BEGIN
  -- A counter of a period that began before the budget did starts from the ledger.
  FOR late IN
    SELECT p.period_start, p.period_end
      FROM unnest(starts, ends) AS p(period_start, period_end)
      JOIN budgets b ON b.organization_id = organization AND b.id = budget AND b.counted_from > p.period_start
     WHERE EXISTS (SELECT FROM holds h WHERE h.organization_id = organization AND h.status = 'active'
                      AND h.expires_at > at AND h.created_at >= p.period_start AND h.created_at < p.period_end)
  LOOP
    PERFORM rebuild_budget_counters(organization, budget, late.period_start, late.period_end);
  END LOOP;

  WITH matched AS MATERIALIZED (
    SELECT h.id, p.period_start, p.period_end, CASE r.unit WHEN 'usd' THEN h.amount ELSE h.tokens END AS amount,
           CASE WHEN r.per IS NULL THEN '' WHEN r.per = 'team' THEN h.team_id::text WHEN r.per = 'user' THEN h.user_id
                WHEN r.per = 'api_key' THEN h.api_key_id::text ELSE h.tags ->> substr(r.per, 5) END AS subject
      FROM budgets r
      JOIN holds h ON h.organization_id = r.organization_id AND h.status = 'active' AND h.expires_at > at
      JOIN unnest(starts, ends) AS p(period_start, period_end)
        ON h.created_at >= p.period_start AND h.created_at < p.period_end
     WHERE r.organization_id = organization AND r.id = budget
       AND (r.team_id IS NULL OR h.team_id = r.team_id) AND (r.user_id IS NULL OR h.user_id = r.user_id)
       AND (r.provider IS NULL OR h.provider = r.provider) AND (r.model IS NULL OR h.model = r.model)
       AND (r.api_key_id IS NULL OR h.api_key_id = r.api_key_id) AND (r.tags IS NULL OR h.tags @> r.tags)),
  noted AS (
    UPDATE holds h
       SET budget_ids = array_append(h.budget_ids, budget), subjects = array_append(h.subjects, m.subject),
           period_starts = array_append(h.period_starts, m.period_start),
           reserved = array_append(h.reserved, m.amount)
      FROM matched m WHERE h.organization_id = organization AND h.id = m.id AND m.subject IS NOT NULL)
  INSERT INTO budget_counters AS c (organization_id, budget_id, subject, period_start, period_end, spent, held)
  SELECT organization, budget, m.subject, m.period_start, m.period_end, 0, coalesce(sum(m.amount), 0)
    FROM matched m WHERE m.subject IS NOT NULL GROUP BY m.subject, m.period_start, m.period_end
  ON CONFLICT (organization_id, budget_id, period_start, subject) DO UPDATE SET held = c.held + excluded.held;
END $$;

-- Adds what was recorded to budget counters (one element of each list a counter) and raises the
-- events of the lines that are crossed by it. `counter_alarms` are the lowest values at which
-- anything can be crossed: only a counter that has reached its alarm, or whose limit is exceeded,
-- is looked at again. With `corrects_ended`, counters of periods that are over are corrected and raise
-- nothing. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION count_recorded(
  at timestamptz, counter_organizations uuid[], counter_budgets uuid[], counter_subjects text[],
  counter_starts timestamptz[], counter_ends timestamptz[], counter_alarms numeric[], counter_spents numeric[],
  counter_matches bigint[], corrects_ended boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  found_ordinals bigint[];
  crossing bigint[];
  new_ordinals bigint[];
  late record;
BEGIN
  WITH counted AS (
    UPDATE budget_counters c SET spent = c.spent + d.spent, matched_events = c.matched_events + d.matched
      FROM unnest(counter_organizations, counter_budgets, counter_subjects, counter_starts, counter_alarms,
                  counter_spents, counter_matches) WITH ORDINALITY
        AS d(organization_id, budget_id, subject, period_start, alarm, spent, matched, ordinal)
     WHERE c.organization_id = d.organization_id AND c.budget_id = d.budget_id AND c.subject = d.subject
       AND c.period_start = d.period_start
    RETURNING d.ordinal, c.spent >= d.alarm OR c.exceeded AS is_crossing)
  SELECT coalesce(array_agg(c.ordinal), '{}'), coalesce(array_agg(c.ordinal) FILTER (WHERE c.is_crossing), '{}')
    INTO found_ordinals, crossing FROM counted c;

  IF cardinality(found_ordinals) < cardinality(counter_budgets) THEN
    SELECT array_agg(o.ordinal) INTO new_ordinals
      FROM generate_series(1, cardinality(counter_budgets)) AS o(ordinal) WHERE o.ordinal <> ALL (found_ordinals);
    -- The counters of a period that began before the budget did start from the ledger, which has
    -- the events of this transaction already.
    FOR late IN
      SELECT DISTINCT b.organization_id, b.id, counter_starts[o.ordinal] AS period_start,
             counter_ends[o.ordinal] AS period_end
        FROM unnest(new_ordinals) AS o(ordinal)
        JOIN budgets b ON b.organization_id = counter_organizations[o.ordinal] AND b.id = counter_budgets[o.ordinal]
         AND b.counted_from > counter_starts[o.ordinal]
    LOOP
      PERFORM rebuild_budget_counters(late.organization_id, late.id, late.period_start, late.period_end);
    END LOOP;
    INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
    SELECT counter_organizations[o.ordinal], counter_budgets[o.ordinal], counter_subjects[o.ordinal],
           counter_starts[o.ordinal], counter_ends[o.ordinal], counter_spents[o.ordinal], counter_matches[o.ordinal]
      FROM unnest(new_ordinals) AS o(ordinal)
    ON CONFLICT DO NOTHING;
    crossing := crossing || new_ordinals;
  END IF;

  IF corrects_ended THEN
    SELECT coalesce(array_agg(o.ordinal), '{}') INTO crossing FROM unnest(crossing) AS o(ordinal)
     WHERE counter_ends[o.ordinal] > at;
  END IF;
  IF cardinality(crossing) > 0 THEN
    PERFORM raise_crossings(at, array_agg(counter_organizations[o.ordinal]), array_agg(counter_budgets[o.ordinal]),
      array_agg(counter_subjects[o.ordinal]), array_agg(counter_starts[o.ordinal])) FROM unnest(crossing) AS o(ordinal);
  END IF;
END $$;

-- Pays an organization's overdraft from a new grant, as far as the grant reaches. The balance does
-- not change: what was overdrawn is now taken from the grant. The caller holds the organization's
-- lock.
CREATE OR REPLACE FUNCTION cover_overdraft(organization uuid, new_grant uuid) RETURNS void LANGUAGE sql AS $$
  WITH moved AS (
    SELECT least(a.overdraft, g.remaining) AS amount
      FROM credit_accounts a JOIN credit_grants g ON g.organization_id = a.organization_id AND g.id = new_grant
     WHERE a.organization_id = organization AND a.overdraft > 0),
  granted AS (
    UPDATE credit_grants g SET remaining = g.remaining - m.amount FROM moved m
     WHERE g.organization_id = organization AND g.id = new_grant)
  UPDATE credit_accounts a SET overdraft = a.overdraft - m.amount FROM moved m WHERE a.organization_id = organization
$$;

-- Reserves the worst case of a call, or answers that budgets or credits have no room for it. The
-- organization's lock is held to the end of the transaction, so the sums that decide cannot change
-- before the reservation is added to them: no two holds share the same money.
-- Each budget counter, as the newest list of budgets has it, is one element of the `counter_`
-- lists: `counter_amounts` is what the call may use of it (null where that is unknown),
-- `counter_limits` is how much the counter may reach, `counter_blocking` is whether its budget
-- refuses or only alerts. A null `wanted_usd` means that the cost is unknown; a blocking budget in
-- USD, and prepaid credits, then refuse. What reserves 0 is never refused for want of room: it makes
-- nothing worse. The answer has a `status`: held, refused, unknown_cost,
-- insufficient_credits, or stale where the caller's list of budgets is not the newest (nothing was
-- done; the caller reads the list again and repeats). Its `counters` are, in the order of the
-- lists, what each counter had spent and held before.
CREATE OR REPLACE FUNCTION create_hold(
  organization uuid, known_budget_version bigint, at timestamptz, hold_id uuid, hold_api_key uuid, hold_provider text,
  hold_model text, hold_team uuid, hold_user text, hold_tags jsonb, wanted_usd numeric, wanted_tokens bigint,
  hold_expires_at timestamptz, counter_budgets uuid[], counter_subjects text[], counter_starts timestamptz[],
  counter_ends timestamptz[], counter_amounts numeric[], counter_limits numeric[], counter_blocking boolean[]
) RETURNS jsonb LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  is_locked boolean;
  kept_version bigint;
  is_prepaid boolean;
  has_expired boolean;
  has_budgets boolean := cardinality(counter_budgets) > 0;
  is_reserved boolean := false;
  is_missing boolean;
  is_rebuilt boolean := false;
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
  IF kept_version <> known_budget_version THEN RETURN jsonb_build_object('status', 'stale'); END IF;
  IF has_expired THEN PERFORM sweep_holds(organization, at); END IF;

  -- The common case takes one statement: there is one budget, and its counter exists and has room.
  -- Every other case, and every refusal, is decided below.
  IF cardinality(counter_budgets) = 1 AND NOT is_prepaid THEN
    UPDATE budget_counters c SET held = c.held + coalesce(counter_amounts[1], 0)
     WHERE c.organization_id = organization AND c.budget_id = counter_budgets[1] AND c.subject = counter_subjects[1]
       AND c.period_start = counter_starts[1]
       AND (NOT counter_blocking[1] OR counter_amounts[1] = 0
            OR c.spent + c.held + counter_amounts[1] <= counter_limits[1])
    RETURNING jsonb_build_array(jsonb_build_array(1, c.spent::text, (c.held - coalesce(counter_amounts[1], 0))::text))
      INTO counters;
    is_reserved := FOUND;
  END IF;

  -- A counter that is missing has nothing spent and nothing held. It is made only for a hold that is
  -- made, so that a refusal leaves no trace.
  WHILE has_budgets AND NOT is_reserved LOOP
    SELECT bool_or(c.budget_id IS NULL),
           bool_or(k.is_blocking AND (k.amount IS NULL OR k.amount > 0
                   AND coalesce(c.spent, 0) + coalesce(c.held, 0) + k.amount > k.maximum)),
           jsonb_agg(jsonb_build_array(k.ordinal, coalesce(c.spent, 0)::text, coalesce(c.held, 0)::text))
      INTO is_missing, is_refused, counters
      FROM unnest(counter_budgets, counter_subjects, counter_starts, counter_amounts, counter_limits,
                  counter_blocking) WITH ORDINALITY
        AS k(budget_id, subject, period_start, amount, maximum, is_blocking, ordinal)
      LEFT JOIN budget_counters c ON c.organization_id = organization AND c.budget_id = k.budget_id
       AND c.subject = k.subject AND c.period_start = k.period_start;
    EXIT WHEN NOT is_missing OR is_rebuilt;
    -- Where its period began before the budget did, it starts from the ledger.
    FOR late IN
      SELECT DISTINCT b.id, k.period_start, k.period_end
        FROM unnest(counter_budgets, counter_subjects, counter_starts, counter_ends)
          AS k(budget_id, subject, period_start, period_end)
        JOIN budgets b ON b.organization_id = organization AND b.id = k.budget_id AND b.counted_from > k.period_start
       WHERE NOT EXISTS (SELECT FROM budget_counters c WHERE c.organization_id = organization
                            AND c.budget_id = k.budget_id AND c.subject = k.subject AND c.period_start = k.period_start)
    LOOP
      PERFORM rebuild_budget_counters(organization, late.id, late.period_start, late.period_end);
      is_rebuilt := true;
    END LOOP;
    EXIT WHEN NOT is_rebuilt;
  END LOOP;
  IF is_refused THEN RETURN jsonb_build_object('status', 'refused', 'counters', counters); END IF;

  IF is_prepaid THEN
    IF wanted_usd IS NULL THEN RETURN jsonb_build_object('status', 'unknown_cost'); END IF;
    INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
    PERFORM expire_and_check_credits(organization, at);
    available := available_credits(organization);
    IF wanted_usd > 0 AND wanted_usd > available THEN
      RETURN jsonb_build_object('status', 'insufficient_credits', 'required', wanted_usd::text,
                                'available', available::text);
    END IF;
    credit := wanted_usd;
    UPDATE credit_accounts a SET held = a.held + credit WHERE a.organization_id = organization;
  END IF;

  INSERT INTO holds (organization_id, id, status, provider, model, amount, tokens, credit_amount, team_id, api_key_id,
                     user_id, tags, created_at, expires_at, budget_ids, subjects, period_starts, reserved)
  VALUES (organization, hold_id, 'active', hold_provider, hold_model, wanted_usd, wanted_tokens, credit, hold_team,
          hold_api_key, hold_user, hold_tags, at, hold_expires_at, counter_budgets, counter_subjects, counter_starts,
          counter_amounts);
  IF has_budgets AND NOT is_reserved THEN
    INSERT INTO budget_counters AS c (organization_id, budget_id, subject, period_start, period_end, spent, held)
    SELECT organization, k.budget_id, k.subject, k.period_start, k.period_end, 0, coalesce(k.amount, 0)
      FROM unnest(counter_budgets, counter_subjects, counter_starts, counter_ends, counter_amounts)
        AS k(budget_id, subject, period_start, period_end, amount)
    ON CONFLICT (organization_id, budget_id, period_start, subject) DO UPDATE SET held = c.held + excluded.held;
  END IF;
  RETURN jsonb_build_object('status', 'held', 'counters', counters,
                            'credits', CASE WHEN is_prepaid THEN (available - credit)::text END);
END $$;

-- Disables a webhook whose deliveries fail: cancels what waits, and raises webhook.disabled. With
-- the reason `failing` only where no delivery to it has succeeded since `since`. Returns whether it did.
-- The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION disable_webhook(
  organization uuid, webhook uuid, at timestamptz, reason webhook_disabled_reason, since timestamptz, last_status int
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  disabled webhooks;
BEGIN
  IF reason = 'failing' AND EXISTS (
    SELECT FROM webhook_deliveries d WHERE d.organization_id = organization AND d.webhook_id = webhook
       AND d.status = 'succeeded' AND d.finished_at >= since) THEN
    RETURN false;
  END IF;
  UPDATE webhooks w SET status = 'disabled', disabled_reason = reason, updated_at = at, sender = NULL, sender_until = NULL
   WHERE w.organization_id = organization AND w.id = webhook AND w.status = 'enabled' AND w.deleted_at IS NULL
  RETURNING * INTO disabled;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM cancel_webhook_deliveries(organization, ARRAY[webhook], at);
  PERFORM raise_event(organization, at, 'webhook.disabled', disabled.team_id, jsonb_build_object(
    'webhookId', webhook, 'url', disabled.url, 'reason', reason, 'lastStatusCode', last_status));
  RETURN true;
END $$;

-- Announces what the raises of an organization uncover that have run out, each once. Whoever reads
-- budgets or their events calls it first, a job calls it every minute, and a change of budgets
-- calls it before it does anything: so all agree, whoever comes first. It takes the organization's
-- lock only where there is something to announce, and looks again under it, so of several callers
-- one announces. A period that had ended before the raise did is left as it was.
CREATE OR REPLACE FUNCTION end_raises(organization uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  due uuid[];
BEGIN
  IF NOT EXISTS (
    SELECT FROM budgets b WHERE b.organization_id = organization AND b.raise_until <= at AND NOT b.raise_ended
       AND b.ended_at IS NULL AND b.deleted_at IS NULL) THEN
    RETURN;
  END IF;
  PERFORM lock_organization(organization);
  SELECT array_agg(b.id) INTO due FROM budgets b
   WHERE b.organization_id = organization AND b.raise_until <= at AND NOT b.raise_ended
     AND b.ended_at IS NULL AND b.deleted_at IS NULL;
  IF due IS NULL THEN RETURN; END IF;
  PERFORM raise_crossings(at, array_agg(c.organization_id), array_agg(c.budget_id), array_agg(c.subject),
                          array_agg(c.period_start))
    FROM budgets b JOIN budget_counters c ON c.organization_id = b.organization_id AND c.budget_id = b.id
   WHERE b.organization_id = organization AND b.id = ANY (due) AND c.period_end > b.raise_until;
  UPDATE budgets b SET raise_ended = true WHERE b.organization_id = organization AND b.id = ANY (due);
END $$;

-- Ends the budgets of a team that was deleted, and answers which they were: they count and block no
-- more. The version of the organization's budgets is raised, so a writer that still has them in its
-- list is refused and reads it again. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION end_team_budgets(organization uuid, team uuid, at timestamptz)
RETURNS TABLE (id uuid, name text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    UPDATE budgets b SET ended_at = at, updated_at = at
     WHERE b.organization_id = organization AND b.team_id = team AND b.ended_at IS NULL AND b.deleted_at IS NULL
    RETURNING b.id, b.name;
  IF FOUND THEN
    UPDATE organizations o SET budget_version = o.budget_version + 1 WHERE o.id = organization;
  END IF;
END $$;

-- Deletes the webhooks of a team that is deleted, cancels what waits for them, and returns them. The
-- caller holds the organization's lock.
CREATE OR REPLACE FUNCTION end_team_webhooks(organization uuid, team uuid, at timestamptz)
RETURNS TABLE (id uuid, url text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  ended uuid[];
BEGIN
  SELECT array_agg(w.id ORDER BY w.id) INTO ended FROM webhooks w
   WHERE w.organization_id = organization AND w.team_id = team AND w.deleted_at IS NULL;
  IF ended IS NULL THEN RETURN; END IF;
  RETURN QUERY
    UPDATE webhooks w SET deleted_at = at, sender = NULL, sender_until = NULL
     WHERE w.organization_id = organization AND w.id = ANY (ended)
    RETURNING w.id, w.url;
  PERFORM cancel_webhook_deliveries(organization, ended, at);
END $$;

-- Empties the grants that have expired by a moment, and raises the events that follow from it. The
-- caller holds the organization's lock.
CREATE OR REPLACE FUNCTION expire_and_check_credits(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM credit_grants g
                  WHERE g.organization_id = organization AND g.expires_at <= at AND g.remaining > 0) THEN
    RETURN;
  END IF;
  PERFORM expire_grants(organization, at);
  IF EXISTS (SELECT FROM organizations o WHERE o.id = organization AND o.credits_mode = 'prepaid') THEN
    PERFORM raise_credit_events(organization, at);
  END IF;
END $$;

-- Empties the grants that have expired and writes what they still had into the ledger of credits.
-- Readers leave an expired grant out by its time, so nothing depends on when this is called. The
-- caller holds the organization's lock.
CREATE OR REPLACE FUNCTION expire_grants(organization uuid, at timestamptz) RETURNS void LANGUAGE sql AS $$
  WITH gone AS (
    SELECT g.id, g.remaining FROM credit_grants g
     WHERE g.organization_id = organization AND g.expires_at <= at AND g.remaining > 0),
  emptied AS (
    UPDATE credit_grants g SET remaining = 0 FROM gone WHERE g.organization_id = organization AND g.id = gone.id)
  INSERT INTO credit_entries (organization_id, id, at, cause, amount, grant_id)
  SELECT organization, uuid_v7_at(at), at, 'expiry', -gone.remaining, gone.id FROM gone
$$;

-- Gives back what those of these holds that are still active reserve. The caller holds the
-- organization's lock and closes the holds next, in the same transaction: a hold that is closed has
-- given back. This is PL/pgSQL so that its plans are kept.
CREATE OR REPLACE FUNCTION free_reservations(organization uuid, hold_ids uuid[]) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  freed numeric;
BEGIN
  WITH sums AS (
    SELECT r.budget_id, r.subject, r.period_start, sum(r.amount) AS amount
      FROM holds h
      CROSS JOIN LATERAL unnest(h.budget_ids, h.subjects, h.period_starts, h.reserved)
        AS r(budget_id, subject, period_start, amount)
     WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.status = 'active'
     GROUP BY 1, 2, 3)
  UPDATE budget_counters c SET held = c.held - s.amount FROM sums s
   WHERE c.organization_id = organization AND c.budget_id = s.budget_id AND c.subject = s.subject
     AND c.period_start = s.period_start AND s.amount <> 0;

  SELECT sum(h.credit_amount) INTO freed FROM holds h
   WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.status = 'active' AND h.credit_amount > 0;
  IF freed > 0 THEN
    UPDATE holds h SET credit_amount = 0
     WHERE h.organization_id = organization AND h.id = ANY (hold_ids) AND h.status = 'active' AND h.credit_amount > 0;
    UPDATE credit_accounts a SET held = a.held - freed WHERE a.organization_id = organization;
  END IF;
END $$;

-- Waits until the caller is the only writer of the organization, and stays so to the end of its
-- transaction. Whoever changes counters, holds or credits holds this lock.
CREATE OR REPLACE FUNCTION lock_organization(organization uuid) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended(organization::text, 0))
$$;

-- Locks what record_usage locks, in its order: the writers' lock, shared, then the organizations in the
-- order given, which the caller sorts. Whoever was refused for an old list of budgets takes the locks
-- first and reads the list under them, so that nobody can change it again before the events are
-- written.
CREATE OR REPLACE FUNCTION lock_organizations(organizations uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  organization uuid;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(6384377010);
  FOREACH organization IN ARRAY organizations LOOP
    PERFORM lock_organization(organization);
  END LOOP;
END $$;

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

-- Raises credits.low (a tenth of the living grants is left) and credits.exhausted (nothing is
-- left), each once for every time that it comes to it. What is held is not used yet, so holds come
-- and go without events. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION raise_credit_events(organization uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  account credit_accounts;
  balance numeric;
  granted numeric;
  is_low boolean;
  is_exhausted boolean;
  payload jsonb;
BEGIN
  -- An organization that never had credits and never used any has not come to the end of them.
  IF NOT EXISTS (SELECT FROM credit_entries e WHERE e.organization_id = organization AND e.amount <> 0) THEN RETURN; END IF;
  PERFORM sweep_holds(organization, at);
  INSERT INTO credit_accounts (organization_id) VALUES (organization) ON CONFLICT DO NOTHING;
  SELECT * INTO account FROM credit_accounts a WHERE a.organization_id = organization;
  balance := available_credits(organization) + account.held;
  SELECT coalesce(sum(g.amount), 0) INTO granted FROM credit_grants g
   WHERE g.organization_id = organization AND (g.expires_at IS NULL OR g.expires_at > at);
  is_low := balance * 10 <= granted;
  is_exhausted := balance <= 0;
  payload := jsonb_build_object('available', (balance - account.held)::text, 'granted', granted::text);
  IF is_low AND NOT account.low THEN PERFORM raise_event(organization, at, 'credits.low', NULL, payload); END IF;
  IF is_exhausted AND NOT account.exhausted THEN
    PERFORM raise_event(organization, at, 'credits.exhausted', NULL, payload);
  END IF;
  IF (account.low, account.exhausted) IS DISTINCT FROM (is_low, is_exhausted) THEN
    UPDATE credit_accounts a SET low = is_low, exhausted = is_exhausted WHERE a.organization_id = organization;
  END IF;
END $$;

-- Raises the events of the lines that these counters have crossed, each exactly once: a crossing is
-- a row whose key is unique. A limit that is no longer reached has recovered, which is raised once
-- too; when it is reached again after that, it is raised again, and `crossing` counts how often. A
-- counter's `exceeded` says that its limit was crossed and has not recovered; writers read it to
-- know whether they must call this at all. It runs in the transaction that changed the
-- counters or the limit, and its caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION raise_crossings(
  at timestamptz, counter_organizations uuid[], counter_budgets uuid[], counter_subjects text[],
  counter_starts timestamptz[]
) RETURNS void LANGUAGE sql AS $$
  WITH touched AS MATERIALIZED (
    SELECT c.organization_id, c.budget_id, c.subject, c.period_start, c.period_end, c.spent, b.unit, b.per,
           b.thresholds, budget_limit(b, at) AS maximum,
           coalesce(b.team_id, CASE WHEN b.per = 'team' THEN c.subject::uuid END) AS team_id
      FROM unnest(counter_organizations, counter_budgets, counter_subjects, counter_starts)
        AS k(organization_id, budget_id, subject, period_start)
      JOIN budget_counters c USING (organization_id, budget_id, subject, period_start)
      JOIN budgets b ON b.organization_id = c.organization_id AND b.id = c.budget_id AND b.ended_at IS NULL
       AND b.deleted_at IS NULL),
  crossed AS (
    INSERT INTO budget_crossings AS x (organization_id, budget_id, subject, period_start, threshold, crossed_at)
    SELECT t.organization_id, t.budget_id, t.subject, t.period_start, line.threshold, at
      FROM touched t CROSS JOIN LATERAL unnest(t.thresholds || 0) AS line(threshold)
     WHERE t.spent * 100 >= t.maximum * CASE line.threshold WHEN 0 THEN 100 ELSE line.threshold END
    ON CONFLICT (organization_id, budget_id, subject, period_start, threshold) DO UPDATE
       SET crossing = x.crossing + 1, crossed_at = excluded.crossed_at, recovered_at = NULL
     WHERE x.threshold = 0 AND x.recovered_at IS NOT NULL
    RETURNING organization_id, budget_id, subject, period_start, threshold, crossing),
  recovered AS (
    UPDATE budget_crossings x SET recovered_at = at FROM touched t
     WHERE x.organization_id = t.organization_id AND x.budget_id = t.budget_id AND x.subject = t.subject
       AND x.period_start = t.period_start AND x.threshold = 0 AND x.recovered_at IS NULL AND t.spent < t.maximum
    RETURNING x.organization_id, x.budget_id, x.subject, x.period_start, NULL::int AS threshold, x.crossing),
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
           'per', t.per, 'subject', CASE WHEN t.per IS NOT NULL THEN t.subject END, 'crossing', h.crossing)
         || CASE WHEN h.threshold > 0 THEN jsonb_build_object('threshold', h.threshold) ELSE '{}' END
    FROM happened h JOIN touched t USING (organization_id, budget_id, subject, period_start)
   ORDER BY t.organization_id, t.budget_id, t.subject, t.period_start, coalesce(nullif(h.threshold, 0), 1000000)
$$;

-- Appends an event to the log of what happened in an organization. `payload` is the event's data as
-- the contract names it. The caller holds the organization's lock, so that positions are commit
-- order.
CREATE OR REPLACE FUNCTION raise_event(organization uuid, at timestamptz, kind text, team uuid, payload jsonb)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO events (organization_id, id, type, created_at, team_id, data)
  VALUES (organization, uuid_v7_at(at), kind, at, team, payload)
$$;

-- Raises usage.unpriced for events without a price, once for each provider, model, service tier and
-- reason of an organization: what was told is a row of unpriced_models, whose key they are. At most
-- `most` of them are told in an organization, so that models that are named at random cannot flood
-- the log. An event that told no usage is not meant: no price would help it. One element of each list
-- is an event that was just recorded. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION raise_unpriced(
  at timestamptz, organization_ids uuid[], series_ids int[], reasons text[], usage_ids uuid[]
) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  most CONSTANT int := 1000;
  untold bigint[];
BEGIN
  SELECT array_agg(i.ordinal) INTO untold
    FROM (
      SELECT u.organization_id, u.series_id, u.reason, min(u.ordinal) AS ordinal
        FROM unnest(organization_ids, series_ids, reasons) WITH ORDINALITY
          AS u(organization_id, series_id, reason, ordinal)
       WHERE u.reason <> 'no_usage_reported'
       GROUP BY 1, 2, 3) i
   CROSS JOIN LATERAL (
     SELECT n.provider, n.model, n.service_tier FROM usage_series n
      WHERE n.organization_id = i.organization_id AND n.id = i.series_id LIMIT 1) s
   WHERE NOT EXISTS (
     SELECT FROM unpriced_models m
      WHERE m.organization_id = i.organization_id AND m.provider = s.provider AND m.model = s.model
        AND m.service_tier = s.service_tier AND m.reason = i.reason);
  IF untold IS NULL THEN RETURN; END IF;

  WITH named AS (
    -- Series differ in more than what is told.
    SELECT DISTINCT ON (1, 2, 3, 4, 5)
           s.organization_id, s.provider, s.model, s.service_tier, reasons[u.ordinal] AS reason, u.ordinal
      FROM unnest(untold) AS u(ordinal)
      JOIN usage_series s ON s.organization_id = organization_ids[u.ordinal] AND s.id = series_ids[u.ordinal]
     ORDER BY 1, 2, 3, 4, 5, u.ordinal),
  numbered AS (
    SELECT n.*, row_number() OVER (PARTITION BY n.organization_id ORDER BY n.ordinal) AS number FROM named n),
  told AS (
    INSERT INTO unpriced_models AS m (organization_id, provider, model, service_tier, reason)
    SELECT n.organization_id, n.provider, n.model, n.service_tier, n.reason FROM numbered n
     WHERE n.number + (SELECT count(*) FROM unpriced_models o WHERE o.organization_id = n.organization_id) <= most
    RETURNING m.organization_id, m.provider, m.model, m.service_tier, m.reason)
  INSERT INTO events (organization_id, id, type, created_at, data)
  SELECT n.organization_id, uuid_v7_at(at), 'usage.unpriced', at,
         jsonb_build_object('provider', n.provider, 'model', n.model, 'serviceTier', n.service_tier,
           'reason', n.reason, 'usageId', usage_ids[n.ordinal])
    FROM numbered n JOIN told USING (organization_id, provider, model, service_tier, reason)
   ORDER BY n.organization_id, n.ordinal;
END $$;

-- Sets the counters of one period of a budget to what the ledger says; what is held stays as it is.
-- The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION rebuild_budget_counters(
  organization uuid, budget uuid, from_time timestamptz, to_time timestamptz
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO budget_counters AS c
         (organization_id, budget_id, subject, period_start, period_end, spent, matched_events)
  SELECT organization, budget, n.subject, from_time, to_time, n.spent, n.matched
    FROM count_budget(organization, budget, from_time, to_time) n
  ON CONFLICT (organization_id, budget_id, period_start, subject)
  DO UPDATE SET spent = excluded.spent, matched_events = excluded.matched_events
$$;

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

-- Refuses whatever would change or remove rows of an append-only table, also to the table's owner
-- and in a session that replicates: its triggers are always enabled. What may be stored twice is
-- inserted with ON CONFLICT DO NOTHING.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

-- Gives back what a hold reserves, if it still reserves anything, and answers the hold as it is
-- then. It answers nothing where there is no such hold, or where the hold is of a team other than
-- `for_team`.
CREATE OR REPLACE FUNCTION release_hold(organization uuid, released_hold uuid, for_team uuid, at timestamptz)
RETURNS SETOF holds LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  is_locked boolean;
  found_hold holds;
BEGIN
  is_locked := pg_advisory_xact_lock(hashtextextended(organization::text, 0)) IS NULL;
  SELECT * INTO found_hold FROM holds h
   WHERE h.organization_id = organization AND h.id = released_hold AND (for_team IS NULL OR h.team_id = for_team);
  IF found_hold.id IS NULL THEN RETURN; END IF;
  IF found_hold.status = 'active' AND found_hold.expires_at <= at THEN
    PERFORM sweep_holds(organization, at);
    found_hold.status := 'expired';
  ELSIF found_hold.status = 'active' THEN
    IF cardinality(found_hold.budget_ids) = 1 AND found_hold.credit_amount = 0 THEN
      UPDATE budget_counters c SET held = c.held - coalesce(found_hold.reserved[1], 0)
       WHERE c.organization_id = organization AND c.budget_id = found_hold.budget_ids[1]
         AND c.subject = found_hold.subjects[1] AND c.period_start = found_hold.period_starts[1];
    ELSE
      PERFORM free_reservations(organization, ARRAY[released_hold]);
    END IF;
    UPDATE holds h SET status = 'released', closed_at = at
     WHERE h.organization_id = organization AND h.id = released_hold;
    found_hold.status := 'released';
  END IF;
  RETURN NEXT found_hold;
END $$;

-- Lets the open holds of an organization that has just turned prepaid reserve credits, as those do
-- that are made from then on, and raises the events that follow from its balance. A hold that still
-- reserves credits, from an earlier time as prepaid, reserves no more; neither does one without a
-- known cost. The caller holds the organization's lock, which whoever makes or closes a hold takes.
CREATE OR REPLACE FUNCTION reserve_open_holds(organization uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
  WITH reserved AS (
    UPDATE holds h SET credit_amount = h.amount
     WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at > at AND h.credit_amount = 0
       AND h.amount > 0
    RETURNING h.amount)
  INSERT INTO credit_accounts AS a (organization_id, held)
  SELECT organization, sum(r.amount) FROM reserved r HAVING count(*) > 0
  ON CONFLICT (organization_id) DO UPDATE SET held = a.held + excluded.held;
  PERFORM expire_grants(organization, at);
  PERFORM raise_credit_events(organization, at);
END $$;

-- Closes the holds that events name, each settled by the event in its place, and gives back what they
-- still reserve. A place without a hold does nothing, and neither does a hold that was settled or
-- released before. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION settle_holds(at timestamptz, organization_ids uuid[], ids uuid[], hold_ids uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  settled record;
BEGIN
  FOR settled IN
    SELECT i.organization_id, array_agg(i.hold_id) AS hold_ids
      FROM unnest(organization_ids, hold_ids) AS i(organization_id, hold_id)
     WHERE i.hold_id IS NOT NULL
     GROUP BY 1 ORDER BY 1
  LOOP
    PERFORM free_reservations(settled.organization_id, settled.hold_ids);
  END LOOP;
  UPDATE holds h SET status = 'settled', closed_at = at, settled_by = i.id
    FROM unnest(organization_ids, ids, hold_ids) AS i(organization_id, id, hold_id)
   WHERE h.organization_id = i.organization_id AND h.id = i.hold_id AND h.status IN ('active', 'expired');
END $$;

-- Closes the holds that recorded events settle, and burns the credits that the events cost. Events
-- whose place is in `known_ordinals` were stored before, so they do nothing. Each event of a prepaid
-- organization has an entry, of 0 where it cost nothing or nobody knows: a void gives back what its
-- event took, and a change of its cost is charged, where that entry is, whether or not the
-- organization is prepaid at that moment. It fails with MT002 when `required_credits` is more than an
-- organization has: above 0, since what costs nothing makes nothing worse. NaN, the cost that is not
-- known, is above every number. The caller holds the locks of the organizations.
CREATE OR REPLACE FUNCTION settle_holds_and_credits(
  at timestamptz, known_ordinals bigint[], organization_ids uuid[], ids uuid[], costs numeric[],
  request_counts smallint[], hold_ids uuid[], prepaid_organizations uuid[], required_credits numeric
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  payer uuid;
  is_prepaid boolean;
  total numeric;
  available numeric;
BEGIN
  PERFORM settle_holds(at, array_agg(i.organization_id), array_agg(i.id), array_agg(i.hold_id))
    FROM unnest(organization_ids, ids, hold_ids) WITH ORDINALITY AS i(organization_id, id, hold_id, ordinal)
   WHERE i.hold_id IS NOT NULL AND i.ordinal <> ALL (known_ordinals);

  FOREACH payer IN ARRAY prepaid_organizations || ARRAY (
    SELECT DISTINCT i.organization_id FROM unnest(organization_ids, request_counts) AS i(organization_id, requests)
     WHERE i.requests <= 0 AND i.organization_id <> ALL (prepaid_organizations) ORDER BY 1)
  LOOP
    is_prepaid := payer = ANY (prepaid_organizations);
    PERFORM expire_grants(payer, at);
    IF is_prepaid AND required_credits > 0 THEN
      PERFORM sweep_holds(payer, at);
      available := available_credits(payer);
      IF required_credits > available THEN
        RAISE EXCEPTION 'insufficient credits' USING ERRCODE = 'MT002',
          DETAIL = jsonb_build_object('required', required_credits::text, 'available', available::text)::text;
      END IF;
    END IF;
    WITH charged AS (
      INSERT INTO credit_entries (organization_id, id, at, cause, amount, usage_event_id, hold_id)
      SELECT payer, uuid_v7_at(settle_holds_and_credits.at), settle_holds_and_credits.at,
             CASE WHEN i.requests < 0 THEN 'void' WHEN i.requests = 0 THEN 'price_adjustment'
                  WHEN i.hold_id IS NOT NULL THEN 'hold_settled' ELSE 'usage' END,
             -coalesce(i.cost, 0), coalesce(first.changes_id, i.id), i.hold_id
        FROM unnest(organization_ids, ids, costs, request_counts, hold_ids) WITH ORDINALITY
          AS i(organization_id, id, cost, requests, hold_id, ordinal)
        LEFT JOIN LATERAL (
          SELECT coalesce(e.voids_id, e.adjusts_id) AS id, e.adjusts_id AS changes_id FROM usage_events e
           WHERE e.organization_id = payer AND e.id = CASE WHEN i.requests <= 0 THEN i.id END) first ON true
       WHERE i.organization_id = payer AND i.ordinal <> ALL (known_ordinals)
         AND (coalesce(i.requests, 1) > 0 AND is_prepaid OR i.requests <= 0 AND i.cost <> 0 AND EXISTS (
           SELECT FROM credit_entries c WHERE c.organization_id = payer AND c.usage_event_id = first.id))
      RETURNING amount)
    SELECT -sum(c.amount) INTO total FROM charged c;
    IF total <> 0 THEN PERFORM burn_credits(payer, at, total); END IF;
    IF is_prepaid THEN PERFORM raise_credit_events(payer, at); END IF;
  END LOOP;
END $$;

-- Closes the holds whose time is over. Readers leave them out by their time, so nothing waits for
-- this. The caller holds the organization's lock.
CREATE OR REPLACE FUNCTION sweep_holds(organization uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  swept uuid[];
BEGIN
  SELECT array_agg(h.id) INTO swept FROM holds h
   WHERE h.organization_id = organization AND h.status = 'active' AND h.expires_at <= at;
  IF swept IS NULL THEN RETURN; END IF;
  PERFORM free_reservations(organization, swept);
  UPDATE holds h SET status = 'expired', closed_at = h.expires_at
   WHERE h.organization_id = organization AND h.id = ANY (swept);
END $$;

-- An organization's events beyond a position. They are at the table's end, where the index by
-- position finds them. A growing table never has statistics of its newest positions, so the planner
-- would rather read the whole table, or all that the organization ever recorded. The settings
-- prevent the first, and OFFSET, which keeps the planner from searching by organization, prevents
-- the second.
CREATE OR REPLACE FUNCTION usage_events_after(organization uuid, after_position bigint) RETURNS SETOF usage_events
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off AS $$
  SELECT * FROM (SELECT * FROM usage_events e WHERE e.position > after_position OFFSET 0) n
   WHERE n.organization_id = organization
$$;

-- The smallest value, in the form of a UUIDv7, of a moment. As the ids of events are UUIDv7 of
-- their own time, a range of time is a range of ids.
CREATE OR REPLACE FUNCTION uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3)
    || '\x00000000000000000000'::bytea, 'hex')::uuid
$$;

-- A new UUIDv7 (RFC 9562) of a given moment. PostgreSQL has a function of its own from version 18
-- on only.
CREATE OR REPLACE FUNCTION uuid_v7_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3)
    FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

RESET check_function_bodies;

-- What processes remember of a tenant is announced when a change of it is committed, whoever makes
-- it. What is new needs no announcement, because nobody can remember it. When a key was last used is
-- not a change, and a change of budgets is one of the version that the organization has of them.
CREATE CONSTRAINT TRIGGER "announce_change"
  AFTER DELETE OR UPDATE OF "name", "plan", "credits_mode", "credits_by", "status", "retention_days", "budget_version",
    "price_version"
  ON "organizations"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION announce_change();
CREATE CONSTRAINT TRIGGER "announce_change"
  AFTER DELETE OR UPDATE OF "organization_id", "name", "deleted_at" ON "teams"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION announce_change();
CREATE CONSTRAINT TRIGGER "announce_change"
  AFTER DELETE OR UPDATE OF "organization_id", "team_id", "role", "removed_at" ON "members"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION announce_change();
CREATE CONSTRAINT TRIGGER "announce_change"
  AFTER DELETE OR UPDATE OF "organization_id", "team_id", "member_id", "name", "secret_hash", "previous_secret_hash",
    "previous_secret_until", "scopes", "otlp_exclusive_input", "expires_at", "revoked_at"
  ON "api_keys"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION announce_change();

-- The audit log only grows. ALWAYS: a session cannot turn this off with session_replication_role.
CREATE TRIGGER "refuse_change" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_entries"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE "audit_entries" ENABLE ALWAYS TRIGGER "refuse_change";

-- Deliveries to webhooks are made with their event, whoever raises it.
CREATE TRIGGER "queue_webhook_deliveries" AFTER INSERT ON "events"
  REFERENCING NEW TABLE AS raised FOR EACH STATEMENT EXECUTE FUNCTION queue_webhook_deliveries();
