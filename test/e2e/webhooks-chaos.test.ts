import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import { answerWith, type Behaviour, type Receiver, startReceiver } from '../harness/receiver.ts';

/** `METERR_CHAOS_SECONDS=120` makes it as long as it is said to hold. */
const CHAOS_MS = Number(process.env.METERR_CHAOS_SECONDS ?? 8) * 1_000;
const ENV = {
  METERR_WEBHOOK_ALLOW_HTTP: 'true',
  METERR_WEBHOOK_ALLOW_PRIVATE: 'true',
  METERR_WEBHOOK_RETRY_SECONDS: Array(20).fill('1').join(),
};
/** A lease of 30 s that a killed process leaves, tries of 15 s that hang, and their retries. */
const RECOVERY_MS = 120_000;
const WRITERS = 4;

let database: TestDatabase;
let sql: pg.Pool;
let receiver: Receiver;
const servers: (ServerProcess | null)[] = [null, null];

const start = () => startServer({ connectionString: database.connectionString, key: '', env: ENV });

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 3 });
  receiver = await startReceiver();
  servers[0] = await start();
  servers[1] = await start();
});
afterAll(async () => {
  for (const server of servers) await server?.stop();
  await receiver?.close();
  await sql?.end();
  await database?.drop();
});

const BEHAVIOURS: readonly Behaviour[] = [
  answerWith(200),
  answerWith(500),
  answerWith(429, { 'retry-after': '1' }),
  answerWith(301, { location: 'http://127.0.0.1:1/' }),
  (_, __, socket) => socket.destroy(),
  (_, __, socket) => socket.end('garbage\r\n\r\n'),
  answerWith(204),
  () => {},
];

/** Goes on until what it sends is answered 2xx: what was answered otherwise may not be there. */
async function recordUntilDone({ key }: MadeOrganization, writer: number, user: string): Promise<void> {
  const body = { id: user, provider: 'openai', model: 'gpt-4o', input_tokens: 10, output_tokens: 0, user_id: user };
  for (;;) {
    try {
      const server = servers[writer % servers.length];
      const answer = await server?.rest('POST', '/v1/usage', { key: key.secret, body });
      if (answer && answer.status < 300) return;
    } catch {
      // The server was killed.
    }
    await pause(20);
  }
}

it(
  'whatever receivers do and whichever process is killed -9, each crossing is one event and one delivery, and arrives',
  async () => {
    const organization = await makeOrganization({ sql });
    const { secret: key } = organization.key;
    const first = servers[0];
    await first?.ok('POST', '/v1/webhooks', { key, body: { url: receiver.url, events: ['usage.exceeded'] } });
    const budget = { name: 'Each user', amount: '0.000001', period: 'month', per: 'user', thresholds: [] };
    await first?.ok('POST', '/v1/budgets', { key, body: budget });

    const answered = new Set<string>();
    let turn = 0;
    receiver.behave((response, received, socket) => {
      const behave = BEHAVIOURS[turn++ % BEHAVIOURS.length];
      behave?.(response, received, socket);
      if (response.writableEnded && response.statusCode < 300) answered.add(String(received.headers['webhook-id']));
    });
    const until = Date.now() + CHAOS_MS;
    let count = 0;
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      while (Date.now() < until) {
        await recordUntilDone(organization, writer, `user-${count++}`);
        await pause(100);
      }
    });
    const killing = (async () => {
      for (let kills = 0; Date.now() < until; kills++) {
        await pause(1_000 + Math.random() * 2_000);
        const at = kills % servers.length;
        await servers[at]?.kill();
        servers[at] = null;
        servers[at] = await start();
      }
    })();
    await Promise.all([...writers, killing]);
    receiver.behave((response, received) => {
      answered.add(String(received.headers['webhook-id']));
      response.end();
    });

    const deadline = Date.now() + RECOVERY_MS;
    const read = async () => {
      const { rows } = await sql.query<{ events: number; deliveries: number; succeeded: number }>(
        `SELECT (SELECT count(*) FROM events WHERE organization_id = $1)::int AS events, count(*)::int AS deliveries,
                (count(*) FILTER (WHERE status = 'succeeded'))::int AS succeeded
           FROM webhook_deliveries WHERE organization_id = $1`,
        [organization.uuid],
      );
      return rows[0];
    };
    let state = await read();
    while (state?.succeeded !== count && Date.now() < deadline) {
      await pause(250);
      state = await read();
    }
    expect(state).toEqual({ events: count, deliveries: count, succeeded: count });
    expect(answered.size).toBe(count);
  },
  CHAOS_MS + RECOVERY_MS + 30_000,
);
