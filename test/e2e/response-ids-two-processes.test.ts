import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { EVENT, makeOrganization } from '../harness/make.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';

const CALLS = 60;
const CLIENTS = 16;
/** Events of one request of a client that sends batches. */
const BATCH = 20;

let database: TestDatabase;
let sql: pg.Pool;
const servers: ServerProcess[] = [];

const start = () => startServer({ connectionString: database.connectionString, key: '' });

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 });
  servers.push(await start(), await start());
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await sql?.end();
  await database?.drop();
});

interface Told {
  responseId: string;
  status: 'created' | 'duplicate';
  id: string | null;
  cost: string | null;
}

/** What a client says of a call: each says something else, some of them with an event id of their own. */
function tell(client: number, call: number) {
  return {
    ...EVENT,
    response_id: `chatcmpl-${call}`,
    input_tokens: 1_000 + client,
    user_id: `user-${client}`,
    ...(client % 3 === 0 ? { id: `client-${client}-${call}` } : {}),
  };
}

/** Every call once, in an order of the client's own. */
function callsOf(client: number): number[] {
  const step = [7, 11, 13, 17, 19, 23][client % 6] as number;
  return Array.from({ length: CALLS }, (_, i) => (i * step + client * 5) % CALLS);
}

/** Sends every call: an event a request, or many. */
async function sendAll(key: string, client: number, server: ServerProcess): Promise<Told[]> {
  const told: Told[] = [];
  const calls = callsOf(client);
  if (client % 2 === 0) {
    for (const call of calls) {
      const body = tell(client, call);
      const answer = await server.rest<UsageEventAnswer>('POST', '/v1/usage', { key, body });
      expect([200, 201]).toContain(answer.status);
      const status = answer.status === 201 ? 'created' : 'duplicate';
      told.push({ responseId: body.response_id, status, id: answer.body.id, cost: answer.body.cost });
    }
    return told;
  }
  for (let from = 0; from < CALLS; from += BATCH) {
    const events = calls.slice(from, from + BATCH).map((call) => tell(client, call));
    const { data } = await server.ok<BatchAnswer>('POST', '/v1/usage/batch', { key, body: { events } });
    for (const [at, { status, id, cost }] of data.entries()) {
      told.push({ responseId: events[at]?.response_id ?? '', status: status as Told['status'], id, cost });
    }
  }
  return told;
}

/** What is stored, by response id; each there is once. */
async function readStored(uuid: string): Promise<Map<string, { cost: string }>> {
  const { rows } = await sql.query<{ response_id: string; cost: string }>(
    `SELECT details ->> 'responseId' AS response_id, trim_scale(cost)::text AS cost
       FROM usage_events WHERE organization_id = $1`,
    [uuid],
  );
  expect(rows.map((row) => row.response_id).toSorted()).toEqual(
    Array.from({ length: CALLS }, (_, call) => `chatcmpl-${call}`).toSorted(),
  );
  return new Map(rows.map((row) => [row.response_id, { cost: row.cost }]));
}

async function expectExact(key: string, uuid: string): Promise<void> {
  const stored = await readStored(uuid);
  const cost = decimalOf([...stored.values()].reduce((sum, one) => sum + attoOf(one.cost), 0n));
  for (const server of servers) {
    const { totals } = await server.ok<UsageSummaryAnswer>('GET', '/v1/usage', { key });
    expect(totals).toMatchObject({ requests: CALLS, cost });
  }
  const { connectionString } = database;
  const own = openDatabase({ connectionString, connections: 1, onError: () => {} });
  expect(await verifyUsage(own).finally(() => own.close())).toEqual([]);
}

it('the same calls told by many clients to both processes at once are recorded once each, and every client hears the first record', async () => {
  const { key, uuid } = await makeOrganization({ sql });
  const told = await Promise.all(
    Array.from({ length: CLIENTS }, (_, client) => {
      // Halves of those that send one by one, and of those that send batches, to either.
      return sendAll(key.secret, client, servers[(client >> 1) % 2] as ServerProcess);
    }),
  );
  const stored = await readStored(uuid);
  for (const [responseId, list] of Map.groupBy(told.flat(), (one) => one.responseId)) {
    expect(list).toHaveLength(CLIENTS);
    expect(list.filter(({ status }) => status === 'created')).toHaveLength(1);
    expect(new Set(list.map(({ id }) => id)).size).toBe(1);
    expect(new Set(list.map(({ cost }) => cost))).toEqual(new Set([stored.get(responseId)?.cost]));
  }
  await expectExact(key.secret, uuid);
});

it('a process is killed -9 while it is told of calls, and the other is told of them again: each is recorded once', async () => {
  const { key, uuid } = await makeOrganization({ sql });
  const [victim, other] = servers as [ServerProcess, ServerProcess];
  const answered = new Map<string, string | null>();
  const sending = Array.from({ length: CLIENTS }, async (_, client) => {
    for (const call of callsOf(client)) {
      const body = tell(client, call);
      const answer = await victim
        .rest<UsageEventAnswer>('POST', '/v1/usage', { key: key.secret, body })
        .catch(() => null);
      if (answer === null || answer.status >= 500) return;
      answered.set(body.response_id, answer.body.id);
      // In the middle of what the others send.
      if (answered.size === CALLS >> 1) await victim.kill();
    }
  });
  await Promise.all(sending);
  expect(answered.size).toBeGreaterThan(0);
  servers.splice(0, 1, await start());
  const told = await Promise.all([1, 2, 4].map((client) => sendAll(key.secret, client, other)));
  for (const { responseId, id } of told.flat()) {
    // What was answered before the kill is what is there after it.
    if (answered.has(responseId)) expect(id).toBe(answered.get(responseId));
  }
  await expectExact(key.secret, uuid);
});
