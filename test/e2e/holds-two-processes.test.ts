import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import { waitUntil } from '../harness/wait-until.ts';

/** How many cents the limit has: METERR_TEST_CENTS=10000 is the $100.00 of the promise. */
const CENTS = Number(process.env.METERR_TEST_CENTS ?? 500);
const CLIENTS = 64;
const RELEASED = 37;
const ROUNDS = 3;
const TOKENS_EACH = 10;
const LIMIT = (CENTS / 100).toFixed(2);
const PLAIN_LIMIT = String(CENTS / 100);
const TIMEOUT_MS = 300_000;
/** A cent; ten tokens. */
const CENT = { provider: 'openai', model: 'gpt-4o', input_tokens: 6, max_output_tokens: 4, amount: '0.01' };

interface HoldAnswer {
  id: string;
  amount: string;
  tokens: number;
}

let database: TestDatabase;
let sql: pg.Pool;
let servers: ServerProcess[];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 });
  const { connectionString } = database;
  const first = await startServer({ connectionString, key: '' });
  servers = [first, await startServer({ connectionString, key: '' })];
});

afterAll(async () => {
  for (const server of servers) await server.stop();
  await sql.end();
  await database.drop();
});

const serverOf = (client: number) => servers[client % servers.length] as ServerProcess;

function hold(client: number, key: string) {
  return serverOf(client).rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body: { ...CENT, expires_in: 3_600 } });
}

/** 64 clients, half of them on each server, each holding until it is refused once. */
async function holdUntilRefused(key: string) {
  const held: HoldAnswer[] = [];
  const refusals: Awaited<ReturnType<typeof hold>>[] = [];
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (;;) {
        const answer = await hold(client, key);
        if (answer.status === 201) held.push(answer.body);
        else {
          refusals.push(answer);
          return;
        }
      }
    }),
  );
  return { held, refusals };
}

/**
 * As many holds as there are cents, then refusals only; after so many releases just as many holds
 * again.
 */
async function proveExact(organization: MadeOrganization, refusal: object) {
  const { secret: key } = organization.key;
  const first = await holdUntilRefused(key);
  expect(first.refusals.map(({ status, error }) => ({ status, ...error }))).toEqual(
    Array.from({ length: CLIENTS }, () => expect.objectContaining({ status: 402, ...refusal })),
  );
  expect(first.held).toHaveLength(CENTS);
  expect(new Set(first.held.map(({ id }) => id)).size).toBe(CENTS);
  expect(first.held.every(({ amount, tokens }) => amount === '0.01' && tokens === TOKENS_EACH)).toBe(true);

  // It is at the edge that too much could be granted: there, again and again.
  let last = first.held;
  for (let round = 0; round < ROUNDS; round++) {
    const released = last.slice(0, RELEASED);
    const releases = await Promise.all(
      released.map(({ id }, client) => serverOf(client).rest('DELETE', `/v1/usage/holds/${id}`, { key })),
    );
    expect(releases.map(({ status }) => status)).toEqual(released.map(() => 200));
    const { held, refusals } = await holdUntilRefused(key);
    expect(held).toHaveLength(RELEASED);
    expect(refusals.every(({ status }) => status === 402)).toBe(true);
    last = held;
  }
  return key;
}

describe(`${CLIENTS} clients on two server processes that hold cents of $${LIMIT}`, () => {
  const makeBudget = async (limit: object) => {
    const organization = await makeOrganization({ sql });
    const body = { name: 'Wall', period: 'month', action: 'block', ...limit };
    const { id } = await serverOf(0).ok<{ id: string }>('POST', '/v1/budgets', { key: organization.key.secret, body });
    return { organization, id };
  };

  it('are granted exactly a blocking budget, and refused only when it is all held', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { organization, id } = await makeBudget({ amount: LIMIT });
    const details = { budget_id: id, limit: PLAIN_LIMIT, current: PLAIN_LIMIT, requested: '0.01' };
    const key = await proveExact(organization, { code: 'budget_exceeded', details });
    for (const server of servers) {
      expect(await server.ok('GET', `/v1/budgets/${id}`, { key })).toMatchObject({
        spent: '0',
        held: PLAIN_LIMIT,
        remaining: '0',
      });
    }
  });

  it('are granted exactly a blocking budget of tokens', { timeout: TIMEOUT_MS }, async () => {
    const tokens = CENTS * TOKENS_EACH;
    // Nine more are no room for ten.
    const { organization, id } = await makeBudget({ tokens: tokens + TOKENS_EACH - 1 });
    const details = { budget_id: id, limit: tokens + TOKENS_EACH - 1, current: tokens, requested: TOKENS_EACH };
    const key = await proveExact(organization, { code: 'budget_exceeded', details });
    expect(await serverOf(1).ok('GET', `/v1/budgets/${id}`, { key })).toMatchObject({ held: tokens, remaining: 9 });
  });

  it('are granted exactly the prepaid credits', { timeout: TIMEOUT_MS }, async () => {
    const organization = await makeOrganization({ sql }, { credits: 'prepaid' });
    const { secret: key } = organization.key;
    await serverOf(0).ok('POST', '/v1/credits/grants', { key, body: { amount: LIMIT } });
    await proveExact(organization, { code: 'insufficient_credits', details: { required: '0.01', available: '0' } });
    for (const server of servers) {
      expect(await server.ok('GET', '/v1/credits', { key })).toMatchObject({
        granted: PLAIN_LIMIT,
        used: '0',
        held: PLAIN_LIMIT,
        available: '0',
      });
    }
  });
});

describe('holds that are all decided at the same moment', () => {
  /** So many of them wait for the database at once: each server has a dozen connections. */
  const WAITING = 20;

  /** Sends a hold of each client while a row that all must change is locked; then lets them go. */
  async function holdAtOnce(key: string, lock: string, organization: MadeOrganization) {
    const client = await sql.connect();
    try {
      await client.query('BEGIN');
      await client.query(`${lock} FOR UPDATE`, [organization.uuid]);
      const asked = Array.from({ length: CLIENTS }, (_, n) => hold(n, key));
      await waitUntil(`${WAITING} of them wait`, async () => {
        const { rows } = await sql.query(
          `SELECT count(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rows[0].waiting >= WAITING;
      });
      await client.query('COMMIT');
      return (await Promise.all(asked)).map(({ status }) => status);
    } finally {
      client.release();
    }
  }

  const granted = (statuses: number[]) => statuses.filter((status) => status === 201).length;

  it('get what is left of a budget, and the others are refused', async () => {
    const organization = await makeOrganization({ sql });
    const { secret: key } = organization.key;
    const body = { name: 'Wall', period: 'month', action: 'block', amount: '0.04' };
    await serverOf(0).ok('POST', '/v1/budgets', { key, body });
    for (const n of [0, 1]) await hold(n, key);
    const lock = 'SELECT FROM budget_counters WHERE organization_id = $1';
    const statuses = await holdAtOnce(key, lock, organization);
    expect(granted(statuses)).toBe(2);
    expect(statuses.filter((status) => status === 402)).toHaveLength(CLIENTS - 2);
  });

  it('get what is left of prepaid credits, and the others are refused', async () => {
    const organization = await makeOrganization({ sql }, { credits: 'prepaid' });
    const { secret: key } = organization.key;
    await serverOf(0).ok('POST', '/v1/credits/grants', { key, body: { amount: '0.04' } });
    for (const n of [0, 1]) await hold(n, key);
    const lock = 'SELECT FROM credit_accounts WHERE organization_id = $1';
    const statuses = await holdAtOnce(key, lock, organization);
    expect(granted(statuses)).toBe(2);
    expect(statuses.filter((status) => status === 402)).toHaveLength(CLIENTS - 2);
  });
});
