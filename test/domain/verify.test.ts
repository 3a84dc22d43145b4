import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { verifyResponses } from '../../src/domain/usage/upkeep/verify-responses.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { createTestApp } from '../harness/app.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { makeOrganization, makeUsage } from '../harness/make.ts';

const VERIFY = join(import.meta.dirname, '../../src/verify.ts');
let own: TestDatabase;
let sql: pg.Pool;
let database: Database;
let organizationId: string;

// Forty events that are folded and twenty that are not, and no server that would go on.
beforeAll(async () => {
  own = await createTestDatabase();
  const { connectionString } = own;
  sql = new pg.Pool({ connectionString, max: 2 });
  database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  const meterr = await createTestApp({ connectionString });
  const { uuid, key } = await makeOrganization(meterr);
  organizationId = uuid;
  const events = Array.from({ length: 60 }, (_, i) => ({
    timestamp: new Date(Date.parse('2026-11-01T00:00:00Z') + i * 5_000_000).toISOString(),
    user_id: `u-${i % 3}`,
    model: i % 5 === 0 ? 'unheard-of' : 'gpt-4o',
    cost: i % 7 === 0 ? '0.000000000000000001' : undefined,
  }));
  await makeUsage(meterr, key.secret, events.slice(0, 40));
  await foldUsage(database);
  const client = await sql.connect();
  await client.query('BEGIN; SELECT FROM usage_fold FOR UPDATE');
  await makeUsage(meterr, key.secret, events.slice(40));
  await meterr.close();
  await client.query('ROLLBACK');
  client.release();
});

afterAll(async () => {
  await database?.close();
  await sql?.end();
  await own?.drop();
});

const one = (table: string, condition = 'true') =>
  `${table} SET_HERE WHERE ctid = (SELECT ctid FROM ${table} WHERE ${condition} ORDER BY 1 LIMIT 1)`;
const remove = (...table: Parameters<typeof one>) => `DELETE FROM ${one(...table).replace('SET_HERE', '')}`;
const change = (set: string, ...table: Parameters<typeof one>) =>
  `UPDATE ${one(...table).replace('SET_HERE', `SET ${set}`)}`;
const FOLDED = 'position <= (SELECT position FROM usage_fold)';
const [QUARTERS, DAYS, ATTRIBUTION_DAYS, ATTRIBUTIONS] = [
  'usage_quarter_hours',
  'usage_days',
  'usage_attribution_days',
  'usage_attributions',
];

/**
 * What is changed behind the product's back, and the tables that then differ from what they are the
 * sum of.
 */
const CHANGES: [what: string, sql: string, tables: string[]][] = [
  ['a folded event is gone', remove('usage_events', FOLDED), [QUARTERS, ATTRIBUTIONS]],
  ['an event that is not folded is gone', remove('usage_events', `NOT ${FOLDED}`), [QUARTERS, ATTRIBUTION_DAYS]],
  ['an event costs more', change('cost = cost + 1e-18', 'usage_events', FOLDED), [QUARTERS, ATTRIBUTIONS]],
  ['an event has no price', change('cost = NULL', 'usage_events', `${FOLDED} AND cost > 0`), [QUARTERS, ATTRIBUTIONS]],
  [
    'an event is at another time',
    change("time = time + interval '15 minutes'", 'usage_events', "time::time < '23:00'"),
    [QUARTERS],
  ],
  ['an event is another user’s', change("user_id = 'u-9'", 'usage_events', FOLDED), [ATTRIBUTIONS]],
  ['a quarter of an hour is gone', remove(QUARTERS), [QUARTERS, DAYS]],
  ['a quarter of an hour has a request more', change('requests = requests + 1', QUARTERS), [QUARTERS, DAYS]],
  [
    'there is a quarter of an hour that nobody used',
    `INSERT INTO usage_quarter_hours SELECT organization_id, bucket + interval '1 year', series_id, 1, 0, 0, 0, 0, 0, 0, 0
       FROM usage_quarter_hours LIMIT 1`,
    [QUARTERS, DAYS],
  ],
  ['a day costs more', change('cost = cost + 1e-18', DAYS), [DAYS, ATTRIBUTION_DAYS]],
  ['a day has other tokens', change('cache_read_tokens = 1', DAYS), [DAYS, ATTRIBUTION_DAYS]],
  ['a day has fewer unpriced', change('unpriced_requests = -1', DAYS), [DAYS, ATTRIBUTION_DAYS]],
  ['a day is gone', remove(DAYS), [DAYS, ATTRIBUTION_DAYS]],
  ['a user’s day is gone', remove(ATTRIBUTION_DAYS), [ATTRIBUTION_DAYS, ATTRIBUTIONS]],
  ['a user’s day costs less', change('cost = -1', ATTRIBUTION_DAYS), [ATTRIBUTION_DAYS, ATTRIBUTIONS]],
  ['one user’s days are another’s', change("user_id = 'u-9'", ATTRIBUTIONS), [ATTRIBUTIONS]],
  ['the fold has skipped an event', change('position = position + 1', 'usage_fold'), [ATTRIBUTION_DAYS, ATTRIBUTIONS]],
  [
    'the fold has taken an event twice',
    change('position = position - 1', 'usage_fold'),
    [ATTRIBUTION_DAYS, ATTRIBUTIONS],
  ],
];

/** Changes, looks, and takes the change back. */
async function changed<T>(statement: string, look: () => Promise<T>): Promise<T> {
  const client = await sql.connect();
  const tables = ['usage_events', QUARTERS, DAYS, ATTRIBUTION_DAYS, ATTRIBUTIONS, 'usage_fold'];
  try {
    for (const table of tables) await client.query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    expect((await client.query(statement)).rowCount).toBe(1);
    return await look();
  } finally {
    for (const table of tables) {
      await client.query(`DELETE FROM ${table}; INSERT INTO ${table} TABLE kept_${table}; DROP TABLE kept_${table}`);
    }
    client.release();
  }
}

async function runVerify(): Promise<{ code: number; output: string }> {
  const env = { PATH: process.env.PATH, DATABASE_URL: own.connectionString };
  const child = spawn(process.execPath, [VERIFY], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { code, output };
}

describe('verify', () => {
  it('finds nothing where nothing is wrong, and says so', async () => {
    expect(await verifyUsage(database)).toEqual([]);
    expect(await runVerify()).toEqual({ code: 0, output: 'Every sum equals its ledger.\n' });
  });

  it.each(CHANGES)('finds that %s', async (_, statement, tables) => {
    const differences = await changed(statement, () => verifyUsage(database));
    expect(differences.map(({ table }) => table)).toEqual(tables);
    for (const difference of differences) {
      expect(difference.organizationId).toBe(organizationId);
      expect(difference.kept).not.toBe(difference.summed);
    }
    expect(await verifyUsage(database)).toEqual([]);
  });

  it('finds a response id whose event is in neither table of events, and none whose event was retired', async () => {
    const row = `INSERT INTO usage_responses VALUES ('${organizationId}', 'resp-1', 'event-1')`;
    const retired = `INSERT INTO retired_usage_events VALUES ('${organizationId}', 'event-1', gen_random_uuid(), '', now(), 1)`;
    await sql.query(row);
    const of = 'resp-1 of event event-1';
    expect(await verifyResponses(database)).toEqual([
      { table: 'usage_responses', organizationId, of, kept: 'a row', summed: 'no event' },
    ]);
    await sql.query(retired);
    expect(await verifyResponses(database)).toEqual([]);
    await sql.query('DELETE FROM usage_responses; DELETE FROM retired_usage_events');
  });

  it('says where, what is kept and what it should be, and ends with 1', async () => {
    const { code, output } = await changed(change('cost = 123.5', DAYS), runVerify);
    expect(code).toBe(1);
    expect(output).toContain(`usage_days: organization ${organizationId}, 2026-11-`);
    expect(output).toMatch(/: kept \(.*123\.5.*\), re-added \(.*\)\n/);
    expect(output).toContain('The sums differ from the ledger.');
  });
});
