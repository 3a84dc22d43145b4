import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeBudget } from '../../doors/budget-answers.ts';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { openRaw, type RawClient, subscribe } from '../../harness/live-client.ts';
import { type MadeOrganization, makeOrganization, makeUsage } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { type RedisProcess, startRedis, whyNoRedis } from '../../harness/processes/redis-process.ts';
import { waitUntil } from '../../harness/wait-until.ts';

const why = whyNoRedis();
if (why) process.stdout.write(`skipped: ${why}\n`);

let redis: RedisProcess | undefined;
let recording: TestApp;
let following: TestApp;
let organization: MadeOrganization;
let client: RawClient;

beforeAll(async () => {
  if (why) return;
  redis = await startRedis();
  const env = { REDIS_URL: redis.url, METERR_OPERATOR_KEY: OPERATOR_KEY };
  recording = await createTestApp({ through: 'fetch', env });
  following = await createTestApp({ through: 'fetch', env, connectionString: recording.connectionString });
  const { port } = await following.app.listen(0, '127.0.0.1');
  organization = await makeOrganization(recording);
  await makeBudget(recording, organization, { amount: '0.1', per: 'user', thresholds: [] });
  client = await openRaw(port, organization.key.secret);
  await subscribe(following, client, 'a', 'subscription { events { id } }');
});

afterAll(async () => {
  client?.socket.terminate();
  await following?.close();
  await recording?.close();
  await redis?.remove();
});

let users = 0;
const cross = () => makeUsage(recording, organization.key.secret, [{ cost: '0.1', user_id: `user-${users++}` }]);
const told = () => client.told<{ events: { id: string } }>('a').map(({ events }) => events.id);

it.skipIf(why !== null)('notices go by Redis, and one that is away costs only time', async () => {
  await cross();
  await waitUntil('it is told', () => told().length === users);
  const { rows } = await recording.sql.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN meterr%'`,
  );
  expect(rows).toEqual([]);
  await redis?.kill();
  await cross();
  await waitUntil('it is told without Redis', () => told().length === users);
  await redis?.start();
  await cross();
  await waitUntil('it is told again', () => told().length === users);
  expect(new Set(told()).size).toBe(users);
});
