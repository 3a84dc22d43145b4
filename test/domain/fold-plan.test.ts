import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { foldUsage, readFoldBacklog } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

// A table that grows has no statistics of its newest rows, and its index by position knows no new
// pages by itself.

const OLD_EVENTS = 60_000;
const NEW_EVENTS = 10;
const organization = randomUUID();
let test: TestDatabase;
let database: Database;

async function store(events: number): Promise<void> {
  await database.pool.query(
    `INSERT INTO usage_events (organization_id, id, event_id, body_hash, time, recorded_at, series_id, input_tokens, output_tokens,
       cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
       output_audio_tokens, web_searches, cost_source, tags)
     SELECT $1, gen_random_uuid(), gen_random_uuid()::text, '', now(), now(), 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 'none', '{}'
       FROM generate_series(1, $2::int)`,
    [organization, events],
  );
}

/**
 * How many rows of the ledger were read so far. The pool has one connection: its figures are told
 * at once.
 */
async function countRead(): Promise<number> {
  await database.pool.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await database.pool.query(
    `SELECT (coalesce(idx_tup_fetch, 0) + seq_tup_read)::int AS read FROM pg_stat_user_tables WHERE relname = 'usage_events'`,
  );
  return rows[0].read;
}

beforeAll(async () => {
  test = await createTestDatabase();
  database = openDatabase({ connectionString: test.connectionString, connections: 1, onError: () => {} });
  await database.pool.query(`INSERT INTO organizations (id, name) VALUES ($1, 'Many events')`, [organization]);
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

it('a fold, and a reader of what it has not reached, read new events, however many there are before them', async () => {
  await store(OLD_EVENTS);
  await foldUsage(database);
  await store(NEW_EVENTS);
  const before = await countRead();
  const { rows } = await database.pool.query(
    'SELECT count(*)::int AS unfolded FROM usage_events_after($1, (SELECT position FROM usage_fold))',
    [organization],
  );
  expect(rows).toEqual([{ unfolded: NEW_EVENTS }]);
  const between = await countRead();
  await foldUsage(database);
  expect(await readFoldBacklog(database)).toBe(0);
  const after = await countRead();
  // Whole ranges of 128 pages are read, of which the last begins where it may.
  expect(between - before).toBeLessThan(OLD_EVENTS / 4);
  expect(after - between).toBeLessThan(OLD_EVENTS / 4);
});
