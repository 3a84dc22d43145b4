import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, DEFAULT_NOW, type TestApp } from '../harness/app.ts';
import type { Answer } from '../harness/calls.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { type RedisProcess, startRedis, whyNoRedis } from '../harness/processes/redis-process.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import { waitUntil } from '../harness/wait-until.ts';

// One suite for every store of rate limits. Shared ones are tried with two processes, by stopping
// them, and by letting them hang.

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse(DEFAULT_NOW) + 17 * 60_000;
const HOUR_END = (Math.floor(NOW_MS / HOUR_MS) + 1) * 3_600;
const WRONG_KEY = `mtr_live_${'w'.repeat(43)}`;
const AUTH_FAILURES = 10;

interface Outage {
  name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

interface Store {
  env: Record<string, string>;
  outages: Outage[];
}

const missing = whyNoRedis();
if (missing) process.stdout.write(`The store redis is not tested: ${missing}.\n`);

let redis: RedisProcess;
let database: TestDatabase;
let sql: pg.Pool;

/** Holds the table as a forgotten transaction does: statements wait instead of failing. */
function createTableLock(): Outage {
  let client: pg.PoolClient;
  return {
    name: 'hangs',
    async begin() {
      client = await sql.connect();
      await client.query('BEGIN; LOCK TABLE rate_limits IN ACCESS EXCLUSIVE MODE');
    },
    async end() {
      await client.query('ROLLBACK');
      client.release();
    },
  };
}

const POSTGRES_OUTAGES: Outage[] = [
  {
    name: 'is gone',
    begin: async () => void (await sql.query('ALTER TABLE rate_limits RENAME TO rate_limits_away')),
    end: async () => void (await sql.query('ALTER TABLE rate_limits_away RENAME TO rate_limits')),
  },
  createTableLock(),
];
const REDIS_OUTAGES: Outage[] = [
  { name: 'is gone', begin: () => redis.kill(), end: () => redis.start() },
  { name: 'hangs', begin: async () => redis.freeze(), end: async () => redis.thaw() },
];

const storeOf = (name: string): Store => {
  if (name === 'redis') return { env: { REDIS_URL: redis.url }, outages: REDIS_OUTAGES };
  return { env: { METERR_RATE_LIMIT_STORE: name }, outages: POSTGRES_OUTAGES };
};

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 3 });
  if (!missing) redis = await startRedis();
});
afterAll(async () => {
  await redis?.remove();
  await sql.end();
  await database.drop();
});

function limitOf({ headers }: Pick<Answer, 'headers'>) {
  const read = (name: string) => headers.get(`x-ratelimit-${name}`);
  return { limit: read('limit'), remaining: read('remaining'), reset: read('reset') };
}

const count = (answers: readonly { status: number }[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

const STORES = [
  { store: 'memory', processes: 1 },
  { store: 'postgres', processes: 2 },
  { store: 'redis', processes: 2 },
].map((one) => ({ ...one, skip: one.store === 'redis' && missing !== null }));

describe.each(STORES)('limits in $store, with $processes process(es)', ({ store, processes, skip }) => {
  const servers: ServerProcess[] = [];
  const start = () =>
    startServer({
      connectionString: database.connectionString,
      key: '',
      nowMs: NOW_MS,
      env: {
        ...storeOf(store).env,
        METERR_TRUST_PROXY: '1',
        METERR_AUTH_FAILURES_PER_MINUTE: String(AUTH_FAILURES),
        METERR_PLAN_REQUESTS: 'pro:20',
      },
    });
  const server = (n: number) => servers[n % servers.length] as ServerProcess;
  const setNow = async (timeMs: number) => {
    for (const one of servers) await one.setNow(timeMs);
  };
  const free = () => makeOrganization({ sql }, { plan: 'free' });
  const me = (n: number, { key }: MadeOrganization) => server(n).rest('GET', '/v1/me', { key: key.secret });

  if (!skip) {
    beforeAll(async () => {
      for (let i = 0; i < processes; i++) servers.push(await start());
    });
    afterAll(async () => {
      for (const one of servers) await one.stop();
    });
    afterEach(() => setNow(NOW_MS));
  }

  it.skipIf(skip)(
    'of 150 requests at once exactly 100 pass, each with a number of its own and the same reset',
    async () => {
      const organization = await free();
      const answers = await Promise.all(Array.from({ length: 150 }, (_, i) => me(i, organization)));
      const passed = answers.filter(({ status }) => status === 200);
      expect(passed).toHaveLength(100);
      expect(count(answers, 429)).toBe(50);
      const left = passed.map((answer) => Number(limitOf(answer).remaining)).sort((a, b) => a - b);
      expect(left).toEqual(Array.from({ length: 100 }, (_, i) => i));
      for (const answer of answers) {
        expect(limitOf(answer)).toMatchObject({ limit: '100', reset: String(HOUR_END) });
        if (answer.status !== 429) continue;
        expect(limitOf(answer).remaining).toBe('0');
        expect(answer.headers.get('retry-after')).toBe(String(HOUR_END - NOW_MS / 1000));
      }
    },
  );

  it.skipIf(skip)('the hour begins with the clock: its last millisecond is refused, the next passes', async () => {
    const organization = await free();
    await Promise.all(Array.from({ length: 120 }, (_, i) => me(i, organization)));
    await setNow(HOUR_END * 1000 - 1);
    for (const n of [0, 1]) {
      const refused = await me(n, organization);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    }
    await setNow(HOUR_END * 1000);
    for (const n of [0, 1]) {
      expect(limitOf(await me(n, organization))).toEqual({
        limit: '100',
        remaining: String(99 - n),
        reset: String(HOUR_END + 3_600),
      });
    }
  });

  it.skipIf(skip)('an operation that fits only in part is refused, and takes what was left', async () => {
    const { key } = await makeOrganization({ sql }, { plan: 'pro' });
    const ask = (fields: number, n = 0) => {
      const query = `{ ${Array.from({ length: fields }, (_, i) => `f${i}: organization { name }`).join(' ')} }`;
      return server(n).gql(query, null, { key: key.secret });
    };
    expect(limitOf(await ask(8)).remaining).toBe('12');
    expect(limitOf(await ask(10, 1)).remaining).toBe('2');
    const partly = await ask(3);
    expect([partly.status, limitOf(partly).remaining]).toEqual([429, '0']);
    expect((await ask(1, 1)).status).toBe(429);
  });

  it.skipIf(skip)('root fields are counted one by one, however many operations come at once', async () => {
    const { key } = await makeOrganization({ sql }, { plan: 'free' });
    const query = '{ a: organization { name } b: organization { name } c: organization { name } }';
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => server(i).gql(query, null, { key: key.secret })),
    );
    expect(count(answers, 200)).toBe(30);
    const { headers } = await server(0).rest('GET', '/v1/me', { key: key.secret });
    expect(limitOf({ headers }).remaining).toBe('9');
  });

  it.skipIf(skip)('a change of plan does not begin the hour anew', async () => {
    const organization = await makeOrganization({ sql }, { plan: 'pro' });
    await Promise.all(Array.from({ length: 30 }, (_, i) => me(i, organization)));
    await sql.query("UPDATE organizations SET plan = 'free' WHERE id = $1", [organization.uuid]);
    let last: Answer | undefined;
    await waitUntil('the plan is known', async () => {
      last = await me(0, organization);
      return limitOf(last).limit === '100';
    });
    const remaining = Number(limitOf(last as Answer).remaining);
    expect(remaining).toBeGreaterThan(0);
    expect(remaining).toBeLessThan(80);
  });

  it.skipIf(skip)('wrong keys are limited by address over all processes; a right one from there passes', async () => {
    const { key } = await makeOrganization({ sql });
    const address = '203.0.113.90';
    const headers = { 'x-forwarded-for': address };
    const wrong = (n: number) => server(n).rest('GET', '/v1/me', { key: WRONG_KEY, headers });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => wrong(i)));
    expect({ wrong: count(answers, 401), limited: count(answers, 429) }).toEqual({
      wrong: AUTH_FAILURES,
      limited: 40 - AUTH_FAILURES,
    });
    expect((await server(0).rest('GET', '/v1/me', { key: key.secret, headers })).status).toBe(200);
    await setNow(NOW_MS + 60_000);
    expect((await wrong(0)).status).toBe(401);
  });

  it.skipIf(skip || processes === 1)('counts survive a restart of the server', async () => {
    const organization = await free();
    for (let i = 0; i < 10; i++) await me(i, organization);
    await server(0).stop();
    servers[0] = await start();
    expect(limitOf(await me(0, organization)).remaining).toBe('89');
  });
});

describe.each(STORES.filter(({ processes }) => processes > 1))('limits in $store', ({ store, skip }) => {
  let app: TestApp;
  if (!skip) {
    beforeAll(async () => {
      const { connectionString } = database;
      const env = { ...storeOf(store).env, METERR_METRICS_OPEN: 'true', METERR_AUTH_FAILURES_PER_MINUTE: '3' };
      app = await createTestApp({ connectionString, env, now: NOW_MS });
    });
    afterAll(() => app.close());
  }

  const metric = async (name: string) => {
    const { text } = await app.rest('GET', '/metrics', { key: null });
    const values = text.split('\n').filter((line) => line.startsWith(name));
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  const lines = (pattern: RegExp) => app.logged.filter(({ msg }) => pattern.test(msg)).length;

  it.skipIf(skip).each([0, 1])(
    'are open, without headers, told and counted, when the store fails (outage %s), closed for wrong keys, and back after it',
    async (which) => {
      const outage = storeOf(store).outages[which] as Outage;
      const { key } = await makeOrganization(app, { plan: 'free' });
      const me = () => app.rest<{ rate_limit: object | null }>('GET', '/v1/me', { key: key.secret });
      const wrong = (address: string) => app.rest('GET', '/v1/me', { key: WRONG_KEY, address });
      const spend = async () => {
        const answers = await Promise.all(Array.from({ length: 101 }, me));
        expect({ outage: outage.name, passed: count(answers, 200) }).toEqual({ outage: outage.name, passed: 100 });
      };
      await spend();
      expect((await wrong(`198.51.100.${which}`)).status).toBe(401);
      const told = lines(/cannot be counted/);
      const errors = await metric('meterr_rate_limit_store_errors_total');
      const other = await makeOrganization(app, { plan: 'free' });

      await outage.begin();
      try {
        const answers = await Promise.all(
          Array.from({ length: 120 }, () => app.rest('GET', '/v1/me', { key: other.key.secret })),
        );
        for (const answer of answers) {
          expect(answer.status).toBe(200);
          expect(limitOf(answer)).toEqual({ limit: null, remaining: null, reset: null });
          expect(answer.body).toMatchObject({ rate_limit: null });
        }
        const refused = await wrong(`198.51.100.1${which}`);
        expect([refused.status, refused.error?.code]).toEqual([429, 'rate_limit_exceeded']);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
        expect((await app.gql('{ me { scopes } }', null, { key: WRONG_KEY })).status).toBe(429);
        expect(lines(/cannot be counted/)).toBe(told + 1);
        expect(await metric('meterr_rate_limit_store_errors_total')).toBeGreaterThan(errors);
        expect(await metric('meterr_rate_limit_uncounted_total{limit="plan"}')).toBeGreaterThan(100);
        expect(await metric('meterr_rate_limit_uncounted_total{limit="auth"}')).toBeGreaterThan(0);
      } finally {
        await outage.end();
      }

      await waitUntil('limits are back', async () => {
        const answer = await app.rest('GET', '/v1/me', { key: other.key.secret });
        return limitOf(answer).limit !== null;
      });
      const again = await makeOrganization(app, { plan: 'free' });
      const answers = await Promise.all(
        Array.from({ length: 110 }, () => app.rest('GET', '/v1/me', { key: again.key.secret })),
      );
      expect(count(answers, 200)).toBe(100);
      expect(lines(/are counted again/)).toBe(which + 1);
      expect((await wrong(`198.51.100.2${which}`)).status).toBe(401);
    },
  );

  it.skipIf(skip)('are not asked for what is known to be spent', async () => {
    const { uuid, key } = await makeOrganization(app, { plan: 'free' });
    const me = () => app.rest('GET', '/v1/me', { key: key.secret });
    await Promise.all(Array.from({ length: 101 }, me));
    const outage = storeOf(store).outages[0] as Outage;
    const told = lines(/cannot be counted/);
    await outage.begin();
    const refused = await Promise.all(Array.from({ length: 50 }, me)).finally(() => outage.end());
    expect({ uuid, refused: count(refused, 429) }).toEqual({ uuid, refused: 50 });
    expect(lines(/cannot be counted/)).toBe(told);
  });
});

it.skipIf(missing)('a server starts without its Redis, and limits once Redis is there', async () => {
  const late = await startRedis();
  await late.kill();
  const { connectionString } = database;
  const app = await createTestApp({ connectionString, env: { REDIS_URL: late.url }, now: NOW_MS });
  try {
    const { key } = await makeOrganization(app, { plan: 'free' });
    const me = () => app.rest('GET', '/v1/me', { key: key.secret });
    expect(limitOf(await me()).limit).toBeNull();
    await late.start();
    await waitUntil('limits are there', async () => limitOf(await me()).limit === '100');
  } finally {
    await app.close();
    await late.remove();
  }
});
