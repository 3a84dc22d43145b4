import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { ClickHouse } from '../harness/clickhouse.ts';

const CHUNK = 5_000_000;

// The form its users give it: ordered by tenant and time, texts with few values as numbers.
const TABLE = `
  CREATE OR REPLACE TABLE usage (
    organization UUID, time DateTime64(3, 'UTC'), event_id String, provider LowCardinality(String),
    model LowCardinality(String), team Nullable(UUID), api_key UUID, user_id LowCardinality(String),
    input_tokens Int64, output_tokens Int64, cache_read_tokens Int64, cache_write_tokens Int64,
    reasoning_tokens Int64, cost Decimal(38, 18)
  ) ENGINE = MergeTree ORDER BY (organization, time)`;
const COLUMNS = `organization UUID, time_ms Int64, event_id String, provider String, model String, team Nullable(UUID),
  api_key UUID, user_id String, input_tokens Int64, output_tokens Int64, cache_read_tokens Int64,
  cache_write_tokens Int64, reasoning_tokens Int64, cost Decimal(38, 18)`;

/**
 * Copies the ledger into ClickHouse, by way of a file that the database server writes in its own
 * folder.
 */
export async function loadClickHouse(clickhouse: ClickHouse, sql: pg.Client, folder: string): Promise<void> {
  const file = join(folder, 'data', 'clickhouse.csv');
  const { rows } = await sql.query<{ last: string }>('SELECT max(position)::text AS last FROM usage_events');
  await clickhouse.ask(TABLE);
  for (let from = 0; from < Number(rows[0]?.last); from += CHUNK) {
    await sql.query(`
      COPY (SELECT e.organization_id, (extract(epoch FROM e.time) * 1000)::bigint, e.event_id, s.provider, s.model,
                   s.team_id, s.api_key_id, e.user_id, e.input_tokens, e.output_tokens, e.cache_read_tokens,
                   e.cache_write_tokens, e.reasoning_tokens, e.cost
              FROM usage_events e JOIN usage_series s ON s.organization_id = e.organization_id AND s.id = e.series_id
             WHERE e.position > ${from} AND e.position <= ${from + CHUNK}) TO '${file}' (FORMAT csv, NULL '\\N')`);
    await clickhouse.ask(`
      INSERT INTO usage SELECT organization, fromUnixTimestamp64Milli(time_ms, 'UTC'), * EXCEPT (organization, time_ms)
        FROM file('${file}', CSV, '${COLUMNS}')`);
    await rm(file, { force: true });
  }
  // Its best case: all parts merged.
  await clickhouse.ask('OPTIMIZE TABLE usage FINAL');
}
