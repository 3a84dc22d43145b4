import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, realpath } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { socketFolder } from '../../src/platform/embedded-postgres/embedded-postgres-home.ts';
import { formatId } from '../../src/platform/ids.ts';
import { type Calls, createCalls, socketDoor } from '../harness/calls.ts';
import { EVENT } from '../harness/make.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { requireNothingLeft } from '../harness/processes/require-nothing-left.ts';
import { type LoadReport, startLoad } from '../harness/usage-load.ts';
import { waitUntil } from '../harness/wait-until.ts';

// METERR_SHUTDOWN_SECONDS holds whatever runs: the process is gone, and PostgreSQL with it, at the
// latest MARGIN_MS after that. The margin is for a machine that is busy with other tests.

const SHUTDOWN_SECONDS = 3;
const MARGIN_MS = 1_000;
const TIMEOUT_MS = 120_000;
const dataDir = join(import.meta.dirname, '../../.meterr/test', `shutdown-${randomBytes(6).toString('hex')}`);
const env = { METERR_DATA_DIR: dataDir, METERR_SHUTDOWN_SECONDS: String(SHUTDOWN_SECONDS) };

let server: MainProcess;
let calls: Calls;
let key: string;
let sql: pg.Pool;
const sockets: Socket[] = [];

async function start(): Promise<void> {
  server = await startMain(env);
  key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  calls = createCalls(socketDoor(server.port), key);
}

beforeEach(async () => {
  await start();
  const host = encodeURIComponent(socketFolder({ folder: await realpath(join(dataDir, 'postgres')), user: null }));
  sql = new pg.Pool({ connectionString: `postgresql://meterr@localhost/meterr?host=${host}`, max: 5 });
  // These connections are in the way of PostgreSQL's stop, which ends them.
  sql.on('error', () => {});
  sql.on('connect', (client) => client.on('error', () => {}));
}, TIMEOUT_MS);

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.kill();
  await sql.end();
}, TIMEOUT_MS);

afterAll(() => removeClusters(dataDir), TIMEOUT_MS);

/** Keeps what `statement` locks in a transaction that never ends by itself. */
async function hold(statement: string): Promise<void> {
  const client = await sql.connect();
  await client.query(`BEGIN; ${statement}`);
  // A session that PostgreSQL ended is not given back to anybody.
  client.on('end', () => client.release(true));
}

/** Waits until a statement of the server's that contains `part` waits for a lock. */
async function waitUntilStuck(part: string): Promise<void> {
  await waitUntil(`a statement with ${part} waits for a lock`, async () => {
    const { rows } = await sql.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'`,
      [part],
    );
    return rows.length > 0;
  });
}

/** A fold that would never end: it waits for a table that somebody else has locked. */
async function startEndlessFold(): Promise<void> {
  await hold('LOCK TABLE usage_attributions IN EXCLUSIVE MODE');
  await calls.ok('POST', '/v1/usage', { body: { ...EVENT, user_id: randomBytes(6).toString('hex') } });
  await waitUntilStuck('INSERT INTO usage_attributions');
}

/** A connection on which a request was begun by hand. What comes back is left to the caller. */
function begin(...lines: string[]): Socket {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write(`${lines.join('\r\n')}\r\nHost: meterr\r\nAuthorization: Bearer ${key}\r\n`);
  return socket;
}

/** Sends SIGTERM and resolves with the exit code, once it and PostgreSQL are gone in time. */
async function terminate(): Promise<number | null> {
  const from = performance.now();
  const code = await server.stop();
  expect(performance.now() - from).toBeLessThan(SHUTDOWN_SECONDS * 1_000 + MARGIN_MS);
  await requireNothingLeft(dataDir);
  return code;
}

async function runVerify(): Promise<{ code: number | null; output: string }> {
  const verify = startNode('src/verify.ts', env);
  return { code: await verify.ended, output: verify.output() };
}

/** How often each of these is stored: by the id of an event, or by its user where it has none. */
async function requireExactlyOnce({ byEventId, byUser }: LoadReport): Promise<void> {
  const { rows } = await sql.query<{ id: string; event_id: string; user_id: string | null }>(
    'SELECT id, event_id, user_id FROM usage_events',
  );
  const idsOf = (pick: (row: (typeof rows)[number]) => string | null) => {
    const grouped = Map.groupBy(rows, pick);
    return (name: string) => (grouped.get(name) ?? []).map(({ id }) => formatId('usageEvent', id));
  };
  const [byEvent, byName] = [idsOf((row) => row.event_id), idsOf((row) => row.user_id)];
  for (const [eventId, usageId] of byEventId) expect(byEvent(eventId)).toEqual([usageId]);
  for (const [user, usageId] of byUser) {
    // Without an answer the caller cannot know; but it is never there twice.
    if (usageId === null) expect(byName(user).length).toBeLessThan(2);
    else expect(byName(user)).toEqual([usageId]);
  }
}

it(
  'under a fold, a stuck lock, a reader that does not read, an upload, a silent WebSocket and load: gone in time, every acknowledged event is stored once',
  async () => {
    const metadata = { note: 'x'.repeat(700) };
    for (let batch = 0; batch < 12; batch++) {
      const events = Array.from({ length: 1_000 }, () => ({ ...EVENT, metadata }));
      await calls.ok('POST', '/v1/usage', { body: { events } });
    }
    await startEndlessFold();
    const reader = begin('GET /v1/usage/history HTTP/1.1', 'Accept: text/csv');
    reader.write('\r\n');
    await once(reader, 'data');
    reader.pause();
    begin('POST /v1/usage HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 1000').write('\r\n{"provider"');
    const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
    const silent = begin('GET /graphql HTTP/1.1', ...upgrade, 'Sec-WebSocket-Key: c2lsZW50IGFzIGEgc3RvbmU=');
    silent.write('Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n');
    await once(silent, 'data');
    await hold('LOCK TABLE teams IN ACCESS EXCLUSIVE MODE');
    const stuck = calls.rest('POST', '/v1/teams', { body: { name: 'Never' } }).then(
      ({ status, error }) => ({ status, code: error?.code }),
      () => 'closed',
    );
    await waitUntilStuck('teams');
    let serving = Promise.resolve(server);
    const load = startLoad('shutdown', async () => ({ url: (await serving).url, key }));
    await load.acknowledged(50);

    const terminated = terminate();
    serving = terminated.then(start).then(() => server);
    expect(await terminated).toBe(1);
    expect([{ status: 503, code: 'unavailable' }, 'closed']).toContainEqual(await stuck);
    await serving;
    await load.acknowledged(1);
    await requireExactlyOnce(await load.stop());
    expect(await runVerify()).toEqual({ code: 0, output: 'Every sum equals its ledger.\n' });
    const { rows } = await sql.query(`SELECT FROM teams WHERE name = 'Never'`);
    expect(rows).toEqual([]);
    expect(await server.stop()).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  'a fold is cancelled at once, not at the deadline, and nothing was cut off: exit code 0',
  async () => {
    // Neither a connection that was opened in advance nor one that is kept alive delays the end.
    const idle = connect(server.port, '127.0.0.1');
    sockets.push(idle);
    await once(idle, 'connect');
    await startEndlessFold();
    const from = performance.now();
    expect(await terminate()).toBe(0);
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(server.output()).not.toContain('cut off');
  },
  TIMEOUT_MS,
);

it(
  'a caller whose statement is stuck at the deadline is answered 503 unavailable, and a log line names the request',
  async () => {
    await hold('LOCK TABLE usage_events IN EXCLUSIVE MODE');
    const id = randomBytes(6).toString('hex');
    const events = [{ ...EVENT, id }, { ...EVENT }, { ...EVENT }];
    const stuck = calls.rest('POST', '/v1/usage', { body: { events } });
    await waitUntilStuck('record_usage');
    const terminated = terminate();
    const { status, error } = await stuck;
    expect({ status, code: error?.code }).toEqual({ status: 503, code: 'unavailable' });
    expect(await terminated).toBe(1);
    expect(server.output()).toMatch(/"requests":\["POST \/v1\/usage"\].*cut off at the deadline/);
    await start();
    const { rows } = await sql.query('SELECT FROM usage_events WHERE event_id = $1', [id]);
    expect(rows).toEqual([]);
  },
  TIMEOUT_MS,
);

it(
  'a retention under way is cancelled at once, goes back to the queue, and is done after the next start',
  async () => {
    await hold('LOCK TABLE retired_usage_events IN EXCLUSIVE MODE');
    const old = new Date(Date.now() - 3 * 86_400_000).toISOString();
    const { id } = await calls.ok<{ id: string }>('POST', '/v1/usage', { body: { ...EVENT, timestamp: old } });
    await sql.query('UPDATE organizations SET retention_days = 1');
    await sql.query(`SELECT graphile_worker.add_job('retire-usage')`);
    await waitUntilStuck('retired_usage_events');
    const from = performance.now();
    expect(await terminate()).toBe(0);
    expect(performance.now() - from).toBeLessThan(2_000);
    await start();
    await waitUntil('the job has run again', async () => {
      const text = `SELECT FROM graphile_worker.jobs WHERE task_identifier = 'retire-usage'`;
      return (await sql.query(text)).rows.length === 0;
    });
    expect((await calls.rest('GET', `/v1/usage/${id}`)).status).toBe(404);
    const { rows } = await sql.query('SELECT FROM retired_usage_events');
    expect(rows).toHaveLength(1);
    expect(await runVerify()).toMatchObject({ code: 0 });
  },
  TIMEOUT_MS,
);
