import pg from 'pg';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { blockWriters, countBlocked } from '../harness/domain.ts';
import { openRaw, subscribe } from '../harness/live-client.ts';
import { makeKey, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import { type Receiver, startReceiver } from '../harness/receiver.ts';
import { waitUntil } from '../harness/wait-until.ts';

const ENV = {
  METERR_OPERATOR_KEY: OPERATOR_KEY,
  METERR_WEBHOOK_ALLOW_HTTP: 'true',
  METERR_WEBHOOK_ALLOW_PRIVATE: 'true',
};
const DAY_MS = 86_400_000;
const DAYS = 30;
/** Days and hours of the organization, its team and the key. */
const INCIDENTS = 6;

let database: TestDatabase;
let sql: pg.Pool;
let receiver: Receiver;
let server: ServerProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 4 });
  receiver = await startReceiver();
  server = await startServer({ connectionString: database.connectionString, key: '', env: ENV });
});
afterAll(async () => {
  await server?.stop();
  await receiver?.close();
  await sql?.end();
  await database?.drop();
});

const startDetecting = (nowMs: number) =>
  startNode('test/harness/processes/detect-anomalies.ts', {
    DATABASE_URL: database.connectionString,
    NOW_MS: String(nowMs),
  });

it('an anomaly is told once to the log, a subscriber and a webhook, though its detection is killed and run by two', async () => {
  const organization = await makeOrganization({ sql });
  const team = await makeTeam({ sql }, organization);
  const key = await makeKey({ sql }, organization, { scopes: ['usage:write'], team });
  const owner = { key: organization.key.secret };
  const hook = await server.ok<{ secret: string }>('POST', '/v1/webhooks', {
    ...owner,
    body: { url: receiver.url, events: ['usage.anomaly'] },
  });
  const client = await openRaw(server.port, owner.key);
  await subscribe(
    server,
    client,
    'anomalies',
    'subscription { events(types: [USAGE_ANOMALY]) { id payload { ... on UsageAnomaly { interval actual } } } }',
  );
  const nowMs = Date.now();
  const before = (days: number) => new Date(nowMs - days * DAY_MS).toISOString();
  const usual = Array.from({ length: DAYS }, (_, day) => ({ cost: '50', timestamp: before(day + 1) }));

  await makeUsage(server, key.secret, [...usual, { cost: '500', timestamp: before(0) }]);
  const blockade = await blockWriters(sql, organization.uuid);
  const killed = startDetecting(nowMs);
  await waitUntil('its transaction waits', async () => (await countBlocked(sql)) >= 1);
  killed.signal('SIGKILL');
  expect(await killed.ended).toBe(null);
  await blockade.release();

  // Both have judged before either has written.
  const again = await blockWriters(sql, organization.uuid);
  const both = [startDetecting(nowMs), startDetecting(nowMs)];
  await waitUntil('both wait', async () => (await countBlocked(sql)) >= 2);
  await again.release();
  expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0]);
  const raised = both.map((job) => Number(/raised (\d+)/.exec(job.output())?.[1]));
  // The server has the job, too: it may have come first.
  expect(raised.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(INCIDENTS);

  const { data } = await server.ok<{ data: { id: string; data: Record<string, unknown> }[] }>(
    'GET',
    '/v1/events?type=usage.anomaly',
    owner,
  );
  const ids = data.map(({ id }) => id).sort();
  expect(data.map(({ data: told }) => `${told.interval} ${told.team_id} ${told.api_key_id}`).sort()).toEqual(
    ['day', 'hour']
      .flatMap((interval) => [
        `${interval} null null`,
        `${interval} ${team.id} ${key.id}`,
        `${interval} ${team.id} null`,
      ])
      .sort(),
  );
  const sent = await receiver.waitFor(INCIDENTS);
  const verifier = new Webhook(hook.secret);
  const arrived = sent.map(({ body, headers }) => Object(verifier.verify(body, headers as Record<string, string>)).id);
  expect(arrived.sort()).toEqual(ids);
  await waitUntil('the subscriber has them', () => client.told('anomalies').length >= INCIDENTS);
  expect(
    client
      .told<{ events: { id: string } }>('anomalies')
      .map(({ events }) => events.id)
      .sort(),
  ).toEqual(ids);
  client.socket.terminate();

  const { rows } = await sql.query('SELECT count(*)::int AS count, count(told_at)::int AS told FROM anomaly_incidents');
  expect(rows).toEqual([{ count: INCIDENTS, told: INCIDENTS }]);
});
