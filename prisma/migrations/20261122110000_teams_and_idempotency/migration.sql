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

-- Names are unique among the teams that are, whoever makes them at once; those that were deleted do not count.
CREATE UNIQUE INDEX "teams_living_name_key" ON "teams" ("organization_id", "name") WHERE "deleted_at" IS NULL;
