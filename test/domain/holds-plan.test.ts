import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

// The functions keep the plans that they make first, when a new database has no holds yet.

const OLD_HOLDS = 5_000;
const organization = randomUUID();
let database: TestDatabase;
let sql: pg.Client;

async function holdAndRelease(): Promise<void> {
  const id = randomUUID();
  const hold = `'${organization}', 0, now(), '${id}', '${organization}', 'openai', 'gpt-4o', NULL, NULL, NULL, 1, 1500`;
  const { rows } = await sql.query(
    `SELECT create_hold(${hold}, now() + interval '1 hour', '{}', '{}', '{}', '{}', '{}', '{}', '{}') ->> 'status' AS made`,
  );
  expect(rows).toEqual([{ made: 'held' }]);
  const released = await sql.query(`SELECT status FROM release_hold('${organization}', '${id}', NULL, now())`);
  expect(released.rows).toEqual([{ status: 'released' }]);
}

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Client({ connectionString: database.connectionString });
  await sql.connect();
  await sql.query(`INSERT INTO organizations (id, name, budget_version) VALUES ('${organization}', 'Many holds', 0)`);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

it('a hold and its release read a handful of rows, however many holds there have been', async () => {
  await holdAndRelease();
  await sql.query(`
    INSERT INTO holds (organization_id, id, status, provider, model, tokens, api_key_id, created_at, expires_at)
    SELECT '${organization}', gen_random_uuid(), 'released', 'openai', 'gpt-4o', 1, gen_random_uuid(), now(), now()
      FROM generate_series(1, ${OLD_HOLDS})`);
  await sql.query('BEGIN');
  await holdAndRelease();
  const { rows } = await sql.query(
    `SELECT (idx_tup_fetch + seq_tup_read)::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'holds'`,
  );
  await sql.query('COMMIT');
  expect(rows[0].read).toBeLessThan(10);
});

it('an event that settles a hold reads a handful of rows, however many holds are active', async () => {
  const settle = async () => {
    const id = randomUUID();
    await sql.query(
      `INSERT INTO holds (organization_id, id, status, provider, model, tokens, api_key_id, created_at, expires_at)
       VALUES ($1, $2, 'active', 'openai', 'gpt-4o', 1, $2, now(), now() + interval '1 hour')`,
      [organization, id],
    );
    await sql.query('SELECT free_reservations($1, $2::uuid[])', [organization, [id]]);
  };
  await sql.query('TRUNCATE holds');
  await sql.query('DISCARD ALL');
  await settle();
  await sql.query(`
    INSERT INTO holds (organization_id, id, status, provider, model, tokens, api_key_id, created_at, expires_at)
    SELECT '${organization}', gen_random_uuid(), 'active', 'openai', 'gpt-4o', 1, gen_random_uuid(), now(), now()
      FROM generate_series(1, ${OLD_HOLDS})`);
  await sql.query('BEGIN');
  await settle();
  const { rows } = await sql.query(
    `SELECT (idx_tup_fetch + seq_tup_read)::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'holds'`,
  );
  await sql.query('COMMIT');
  expect(rows[0].read).toBeLessThan(OLD_HOLDS / 100);
});

it('a new budget reads the holds that are open, not those that there have been', async () => {
  const budget = randomUUID();
  await sql.query('TRUNCATE holds');
  await sql.query('DISCARD ALL');
  await sql.query(
    `INSERT INTO budgets (organization_id, id, name, unit, amount, period, timezone, thresholds, action, counted_from,
                          created_at, updated_at)
     VALUES ($1, $2, 'Late', 'usd', 1, 'total', 'UTC', '{}', 'block', '1970-01-01Z', now(), now())`,
    [organization, budget],
  );
  const open = 20;
  await sql.query(`
    INSERT INTO holds (organization_id, id, status, provider, model, tokens, amount, api_key_id, created_at, expires_at)
    SELECT '${organization}', gen_random_uuid(), CASE WHEN n <= ${open} THEN 'active' ELSE 'released' END, 'openai',
           'gpt-4o', 1, 0.5, gen_random_uuid(), now(), now() + interval '1 hour'
      FROM generate_series(1, ${OLD_HOLDS}) AS n`);
  await sql.query('BEGIN');
  await sql.query("SELECT count_open_holds($1, $2, now(), '{1970-01-01Z}', '{9999-12-31Z}')", [organization, budget]);
  const { rows } = await sql.query(
    `SELECT (idx_tup_fetch + seq_tup_read)::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'holds'`,
  );
  const { rows: counters } = await sql.query('SELECT held::float8 FROM budget_counters WHERE budget_id = $1', [budget]);
  await sql.query('COMMIT');
  expect(counters).toEqual([{ held: open / 2 }]);
  expect(rows[0].read).toBeLessThan(open * 5);
});
