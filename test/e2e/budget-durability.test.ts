import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyCredits } from '../../src/domain/credits/verify-credits.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { parseId } from '../../src/platform/ids.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';

// Budgets, holds, credits and events hang together whenever the server is killed.
// METERR_TEST_KILLS=50 for long.

const KILLS = Number(process.env.METERR_TEST_KILLS ?? 3);
const CLIENTS = 12;
const TIMEOUT_MS = 60_000 + KILLS * 30_000;

let testDatabase: TestDatabase;
let sql: pg.Pool;
let database: Database;
/** The server that runs; while it is being started anew, whoever asks for it waits. */
let serving: Promise<ServerProcess>;
let organizations: MadeOrganization[];

const start = () => startServer({ connectionString: testDatabase.connectionString, key: '' });

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  const { connectionString } = testDatabase;
  sql = new pg.Pool({ connectionString, max: 2 });
  database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  serving = start();
  await serving;
  organizations = [await makeOrganization({ sql }), await makeOrganization({ sql }, { credits: 'prepaid' })];
  for (const { key } of organizations) {
    const { ok } = await serving;
    const make = (body: object) => ok('POST', '/v1/budgets', { key: key.secret, body: { name: 'Some', ...body } });
    await make({ amount: '0.05', period: 'day', per: 'user', thresholds: [1, 10, 50, 100] });
    await make({ amount: '1000000', period: 'month', action: 'block', thresholds: [] });
    await make({
      tokens: 4_000,
      period: 'total',
      action: 'block',
      scope: { tags: { env: 'tight' } },
      thresholds: [25, 75],
    });
    await make({ amount: '0.2', period: 'month', scope: { user_id: 'u-1' } });
    await ok('POST', '/v1/credits/grants', { key: key.secret, body: { amount: '2' } });
    await ok('POST', '/v1/credits/grants', { key: key.secret, body: { amount: '1000', priority: 1 } });
  }
}, TIMEOUT_MS);

afterAll(async () => {
  await (await serving)?.stop();
  await database?.close();
  await sql?.end();
  await testDatabase?.drop();
}, TIMEOUT_MS);

/**
 * Calls that hold, record, settle, release and void, until told to stop; what was answered is kept.
 */
function startLoad() {
  const acknowledged = { holds: [] as string[], usage: [] as string[], released: [] as string[] };
  const unexpected: string[] = [];
  let answers = 0;
  let stopped = false;
  let wake = () => {};
  let wanted = 0;

  async function call<T>(method: string, path: string, key: string, body?: object): Promise<T | null> {
    const { rest } = await serving;
    const answer = await rest<T>(method, path, { key, body }).catch(() => null);
    if (answer === null) return null;
    answers++;
    if (answers >= wanted) wake();
    if (answer.status < 300) return answer.body;
    if (answer.status !== 402) unexpected.push(`${method} ${path}: ${answer.text}`);
    return null;
  }

  async function client(n: number): Promise<void> {
    const key = organizations[n % organizations.length]?.key.secret ?? '';
    for (let i = 0; !stopped; i++) {
      const of = { user_id: `u-${i % 3}`, tags: { env: i % 4 === 0 ? 'tight' : 'prod' } };
      const wish = { ...of, provider: EVENT.provider, model: EVENT.model, input_tokens: 200, max_output_tokens: 100 };
      const held = await call<{ id: string }>('POST', '/v1/usage/holds', key, { ...wish, expires_in: 1 + (i % 5) });
      if (held) acknowledged.holds.push(held.id);
      if (held && i % 5 === 4) {
        if (await call('DELETE', `/v1/usage/holds/${held.id}`, key)) acknowledged.released.push(held.id);
        continue;
      }
      const event = { ...of, provider: EVENT.provider, model: EVENT.model, input_tokens: 150, output_tokens: i % 200 };
      const batch = { events: [{ ...event, id: `${n}-${i}`, ...(held ? { hold_id: held.id } : {}) }, event] };
      const stored = await call<{ data: { id: string; status: string }[] }>('POST', '/v1/usage', key, batch);
      for (const { id, status } of stored?.data ?? []) {
        if (status === 'created') acknowledged.usage.push(id);
        else unexpected.push(`${n}-${i}: ${status}`);
      }
      const first = stored?.data[0]?.id;
      if (first && i % 7 === 6) {
        const reversed = await call<{ id: string }>('POST', `/v1/usage/${first}/void`, key, { reason: 'a test' });
        if (reversed) acknowledged.usage.push(reversed.id);
      }
    }
  }

  const clients = Array.from({ length: CLIENTS }, (_, n) => client(n));
  return {
    acknowledged,
    unexpected,
    /** Resolves after so many more answers. */
    answers(more: number): Promise<void> {
      wanted = answers + more;
      return new Promise((resolve) => {
        wake = resolve;
      });
    },
    async stop() {
      stopped = true;
      await Promise.all(clients);
    },
  };
}

async function countIn(table: string, ids: readonly string[], kind: 'hold' | 'usageEvent', more = ''): Promise<number> {
  const uuids = ids.map((id) => parseId(kind, id));
  const query = `SELECT count(*) AS found FROM ${table} WHERE id = ANY ($1::uuid[]) ${more}`;
  return (await sql.query(query, [uuids])).rows[0].found;
}

it(
  `the server killed ${KILLS} times under load: counters, credits and events equal the ledger, nothing acknowledged is lost`,
  async () => {
    const load = startLoad();
    for (let kill = 0; kill < KILLS; kill++) {
      await load.answers(40 + ((kill * 53) % 200));
      const killed = (await serving).kill();
      serving = killed.then(start);
      await serving;
    }
    await load.answers(50);
    await load.stop();
    const { holds, usage, released } = load.acknowledged;
    expect(load.unexpected).toEqual([]);
    expect(await countIn('holds', holds, 'hold')).toBe(holds.length);
    expect(await countIn('holds', released, 'hold', `AND status IN ('released', 'expired')`)).toBe(released.length);
    expect(await countIn('usage_events', usage, 'usageEvent')).toBe(usage.length);
    expect(await verifyUsage(database)).toEqual([]);
    expect(await verifyBudgets(database)).toEqual([]);
    expect(await verifyCredits(database)).toEqual([]);
    const { rows } = await sql.query('SELECT type, count(*) AS told FROM events GROUP BY 1 ORDER BY 1');
    expect(rows.map(({ type }) => type)).toContain('usage.exceeded');
    if (process.env.METERR_TEST_KILLS) {
      const counts = { holds: holds.length, usage: usage.length, released: released.length, told: rows };
      console.info(`${KILLS} kills: ${JSON.stringify(counts)}`);
    }
  },
  TIMEOUT_MS,
);

it('verify names what does not equal the ledger', async () => {
  const of = [organizations.map(({ uuid }) => uuid)];
  const damages: [string, string][] = [
    [
      'budget_counters',
      'UPDATE budget_counters SET spent = spent + 0.000000000000000001 WHERE organization_id = ANY ($1::uuid[])',
    ],
    ['budget_counters (held)', 'UPDATE budget_counters SET held = held + 1 WHERE organization_id = ANY ($1::uuid[])'],
    ['budget_crossings', `DELETE FROM events WHERE organization_id = ANY ($1::uuid[]) AND type = 'usage.exceeded'`],
    [
      'credit_grants (balance)',
      'UPDATE credit_grants SET remaining = remaining - 1 WHERE organization_id = ANY ($1::uuid[])',
    ],
    ['credit_accounts (held)', 'UPDATE credit_accounts SET held = held + 1 WHERE organization_id = ANY ($1::uuid[])'],
  ];
  for (const [, damage] of damages) await sql.query(damage, of);
  const found = [...(await verifyBudgets(database)), ...(await verifyCredits(database))];
  expect(found.map(({ table }) => table)).toEqual(expect.arrayContaining(damages.map(([table]) => table)));
});
