import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EventAnswer, readEvents } from '../../doors/budget-answers.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../../harness/make.ts';
import { type BadReceiver, startBadReceiver } from './bad-receiver.ts';
import { createRandom } from './random.ts';
import { type Servers, startServers } from './servers.ts';
import { followBoth, followSocket, followStream, type ResumingSubscriber } from './subscribers.ts';
import { BUDGETS, countCrossings, writeUntil } from './writers.ts';

/** `METERR_CHAOS_SECONDS=120` makes it two minutes, `METERR_CHAOS_SEED` repeats the choices of a run. */
const CHAOS_MS = Number(process.env.METERR_CHAOS_SECONDS ?? 20) * 1_000;
const SEED = Number(process.env.METERR_CHAOS_SEED ?? Date.now() % 1_000_000);
/** A killed process leaves leases of 30 s; a try that hangs lasts 15 s. */
const RECOVERY_MS = 150_000;
/** It goes on for this much longer where a behaviour was not met yet: killed processes hold deliveries for 30 s. */
const EXTRA_MS = 45_000;
const BEHAVIOURS = ['ok', '500', '429', '301', 'garbage', 'hangs'] as const;
const POLL_MS = 100;
const NAMED_MISSES = 5;

const random = createRandom(SEED);
let database: TestDatabase;
let sql: pg.Pool;
let organization: MadeOrganization;
let receiver: BadReceiver;
let servers: Servers;
const subscribers: ResumingSubscriber[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const { connectionString } = database;
  sql = new pg.Pool({ connectionString, max: 2 });
  receiver = await startBadReceiver(random);
  organization = await makeOrganization({ sql });
  const env = {
    DATABASE_URL: connectionString,
    METERR_DATABASE_CONNECTIONS: '12',
    METERR_WEBHOOK_ALLOW_HTTP: 'true',
    METERR_WEBHOOK_ALLOW_PRIVATE: 'true',
    METERR_WEBHOOK_RETRY_SECONDS: [...Array(10).fill(1), ...Array(10).fill(3)].join(),
  };
  servers = await startServers(env, organization.key.secret, random);
});

afterAll(async () => {
  for (const subscriber of subscribers) subscriber.stop();
  await servers?.stop();
  await receiver?.close();
  await sql?.end();
  await database?.drop();
});

/** What is in the log and is missing somewhere, in words. */
function findMissing(log: readonly EventAnswer[]): string[] {
  const missing = (where: string, has: (id: string) => boolean) => {
    const ids = log.filter(({ id }) => !has(id)).map(({ id }) => id);
    return ids.length === 0 ? [] : [`${where} lacks ${ids.length}: ${ids.slice(0, NAMED_MISSES).join(', ')}`];
  };
  return [
    ...missing('the receiver', (id) => receiver.taken.has(id)),
    ...subscribers.flatMap(({ name, seen, failures }) => {
      const ids = new Set(seen);
      return missing(`the subscriber "${name}" (${failures.join('; ') || 'no failure'})`, (id) => ids.has(id));
    }),
  ];
}

async function waitUntilNoneIsMissing(log: readonly EventAnswer[]): Promise<void> {
  const deadline = Date.now() + RECOVERY_MS;
  for (let missing = findMissing(log); missing.length > 0; missing = findMissing(log)) {
    if (Date.now() > deadline) throw new Error(`After ${RECOVERY_MS / 1000} s ${missing.join('\n')}`);
    await pause(POLL_MS);
  }
}

const exceeded = async (server: number) =>
  (await readEvents(servers.calls(server), organization.key.secret)).filter(({ event }) => event === 'usage.exceeded');

it(
  'every usage.exceeded reaches the receiver, and each subscriber once and in order, whatever dies',
  async () => {
    console.info(`Chaos for ${CHAOS_MS / 1000} s with METERR_CHAOS_SEED=${SEED}`);
    const { secret: key } = organization.key;
    const calls = servers.calls(0);
    for (const { body } of BUDGETS) await calls.ok('POST', '/v1/budgets', { body });
    await calls.ok('POST', '/v1/usage', { body: { ...EVENT, id: 'first', user_id: 'first', cost: '0.10' } });
    const [first] = await exceeded(0);
    if (!first) throw new Error('The first user did not exceed the limit.');
    const hook = { url: receiver.url, events: ['usage.exceeded'] };
    const { secret } = await calls.ok<{ secret: string }>('POST', '/v1/webhooks', { body: hook });
    receiver.verifyWith(secret);
    subscribers.push(
      followSocket('on the first server', servers, key, first.id, () => 0).subscriber,
      followSocket('on the second server', servers, key, first.id, () => 1).subscriber,
      followBoth(servers, key, first.id, random),
      followStream(servers, key, first.id),
    );

    const endsMs = Date.now() + CHAOS_MS;
    const hasMetAll = () => BEHAVIOURS.every((mode) => receiver.tries.has(mode));
    const isOver = () => Date.now() > endsMs + (hasMetAll() ? 0 : EXTRA_MS);
    const [{ written, repeats }] = await Promise.all([
      writeUntil(isOver, servers),
      servers.killUntil(isOver),
      receiver.behaveBadlyUntil(isOver),
    ]);
    const log = (await exceeded(0)).slice(1);
    expect(log).toHaveLength(countCrossings(written));
    await waitUntilNoneIsMissing(log);
    const recoveredMs = Date.now();

    const ids = log.map(({ id }) => id);
    for (const { name, seen, failures } of subscribers)
      expect({ name, seen, failures }).toEqual({ name, seen: ids, failures: [] });
    expect(receiver.faults).toEqual([]);
    for (const event of log)
      expect([...(receiver.bodies.get(event.id) ?? [])].map((body) => JSON.parse(body))).toEqual([event]);
    expect([...receiver.taken.keys()].toSorted()).toEqual(ids.toSorted());
    expect(servers.kills()).toBeGreaterThan(0);
    expect([...receiver.tries.keys()].toSorted()).toEqual(BEHAVIOURS.toSorted());

    const lastKillMs = servers.lastKillMs();
    const delays = log.map(
      ({ id, created_at }) => (receiver.taken.get(id) ?? 0) - Math.max(Date.parse(created_at), lastKillMs),
    );
    console.info(
      `${written.length} usage events (${repeats} requests repeated), ${log.length} usage.exceeded, ${servers.kills()} kills, ` +
        `tries ${[...receiver.tries].map(([mode, count]) => `${mode} ${count}`).join(', ')}; connections ${subscribers.map(({ connections }) => connections()).join()}, ` +
        `slowest delivery after the last kill ${Math.max(...delays)} ms, all ${recoveredMs - lastKillMs} ms after it`,
    );
  },
  CHAOS_MS + EXTRA_MS + RECOVERY_MS + 60_000,
);
