import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readEvents } from '../../doors/budget-answers.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { openRaw } from '../../harness/live-client.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../../harness/make.ts';
import { type ServerProcess, startServer } from '../../harness/processes/server-process.ts';
import { waitUntil } from '../../harness/wait-until.ts';

// Subscribers that lose their connection, or their server, again and again.

const WRITERS = 4;
const BATCHES = 40;
const USERS = 3;
const KILLS = 3;

let database: TestDatabase;
let sql: pg.Pool;
const servers: ServerProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 3 });
  for (let i = 0; i < 2; i++) servers.push(await startServer({ connectionString: database.connectionString, key: '' }));
});

afterAll(async () => {
  for (const server of servers) await server.kill();
  await sql.end();
  await database.drop();
});

/** Each batch makes new users cross their limits. What was not answered is sent again, to either server. */
async function write({ key }: MadeOrganization, writer: number): Promise<void> {
  for (let batch = 0; batch < BATCHES; batch++) {
    const events = Array.from({ length: USERS }, (_, i) => {
      const id = `${writer}-${batch}-${i}`;
      return { ...EVENT, id, user_id: id, cost: '0.1' };
    });
    for (let attempt = 0; ; attempt++) {
      const answer = await servers[(writer + batch + attempt) % 2]
        ?.rest('POST', '/v1/usage/batch', { key: key.secret, body: { events } })
        .catch(() => null);
      if (answer?.status === 200) break;
    }
  }
}

const QUERY = 'subscription ($after: ID) { events(after: $after) { id } }';

/** Follows the log from its beginning on, over as many connections as it takes, until `isOver`. */
async function follow(key: string, first: string, subscriber: number, isOver: (seen: string[]) => boolean) {
  const seen = [first];
  let connections = 0;
  for (let i = subscriber; !isOver(seen); i++) {
    const server = servers[i % 2];
    const client = server && (await openRaw(server.port, key).catch(() => null));
    if (!client) continue;
    connections++;
    client.ask('a', QUERY, { after: seen.at(-1) });
    const until = seen.length + 20 + 10 * subscriber;
    let isClosed = false;
    client.closed.then(() => {
      isClosed = true;
    });
    client.socket.on('message', (data) => {
      const { id, type, payload } = JSON.parse(String(data));
      if (id === 'a' && type === 'next') seen.push(payload.data.events.id);
    });
    await waitUntil('it has lost its connection', () => isClosed || seen.length >= until || isOver(seen));
    client.socket.terminate();
  }
  return { seen, connections };
}

it('none is missed and none comes twice, while four writers go on and servers are killed', async () => {
  const organization = await makeOrganization({ sql });
  const { secret: key } = organization.key;
  const body = { name: 'Each', amount: '0.1', period: 'day', per: 'user', thresholds: [50] };
  await servers[0]?.ok('POST', '/v1/budgets', { key, body });
  await servers[0]?.ok('POST', '/v1/usage', { key, body: { ...EVENT, user_id: 'first', cost: '0.1' } });
  const log = async () => (await readEvents<object>(servers[0] as ServerProcess, key)).map(({ id }) => id);
  const [first = ''] = await log();
  let last = '';
  const following = [1, 2, 3].map((subscriber) =>
    follow(key, first, subscriber, (seen) => last !== '' && seen.at(-1) === last),
  );
  let isWritten = false;
  const writing = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(organization, writer))).then(() => {
    isWritten = true;
  });
  for (let kill = 0; kill < KILLS && !isWritten; kill++) {
    const before = (await sql.query<{ count: number }>('SELECT count(*) AS count FROM events')).rows[0]?.count ?? 0;
    await waitUntil('more was written', async () => {
      const { rows } = await sql.query<{ count: number }>('SELECT count(*) AS count FROM events');
      return isWritten || (rows[0]?.count ?? 0) > before + 60;
    });
    await servers[kill % 2]?.kill();
    servers[kill % 2] = await startServer({ connectionString: database.connectionString, key: '' });
  }
  await writing;
  const all = await log();
  expect(all).toHaveLength(2 + WRITERS * BATCHES * USERS * 2);
  last = all.at(-1) ?? '';
  for (const { seen, connections } of await Promise.all(following)) {
    expect(seen).toEqual(all);
    expect(connections).toBeGreaterThan(3);
  }
}, 120_000);
