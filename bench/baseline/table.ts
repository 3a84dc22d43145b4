/**
 * The ledger as a plain program keeps it: the columns and both unique indexes of ours, no rollups.
 */
export const CREATE_TABLE = `
  CREATE TABLE IF NOT EXISTS usage_events (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    time timestamptz(3) NOT NULL,
    recorded_at timestamptz(3) NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL DEFAULT 0,
    reasoning_tokens bigint NOT NULL DEFAULT 0,
    cost numeric(38,18),
    user_id text,
    tags jsonb,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, event_id))`;

/** One event; nothing when its id is known. */
export const INSERT = `
  INSERT INTO usage_events (organization_id, id, event_id, time, recorded_at, provider, model, input_tokens,
                            output_tokens, cache_read_tokens, cost, user_id, tags)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`;
