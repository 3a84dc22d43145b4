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
    "cost" DECIMAL(38,18) NOT NULL,
    "unpriced_requests" BIGINT NOT NULL,

    CONSTRAINT "usage_attribution_days_pkey" PRIMARY KEY ("organization_id","bucket","series_id","attribution_id")
);

-- CreateTable
CREATE TABLE "usage_folds" (
    "organization_id" UUID NOT NULL,
    "position" BIGINT NOT NULL DEFAULT 0,
    "retired_before" TIMESTAMPTZ(3),

    CONSTRAINT "usage_folds_pkey" PRIMARY KEY ("organization_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "usage_attributions_organization_id_hash_key" ON "usage_attributions"("organization_id", "hash");
