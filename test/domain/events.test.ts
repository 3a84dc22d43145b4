import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LoggedEvent } from '../../src/domain/event-log/event.ts';
import { readEventsAfter } from '../../src/domain/event-log/list-events.ts';
import { formatId } from '../../src/platform/ids.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { readEvents } from '../doors/budget-answers.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';

// Who follows the log by position misses nothing, whoever writes to it meanwhile.

const two = useTwoServers();
const WRITERS = 8;
const BATCHES = 12;
/** Of each organization. */
const READERS = 2;
const PAGE = 7;

let database: Database;

beforeAll(() => {
  database = openDatabase({ connectionString: two().connectionString, connections: 4, onError: () => {} });
});

afterAll(() => database.close());

async function newOrganization(): Promise<MadeOrganization> {
  const organization = await makeOrganization(two(), { credits: 'prepaid' });
  const { secret: key } = organization.key;
  const { ok } = two().server(0);
  await ok('POST', '/v1/credits/grants', { key, body: { amount: '20' } });
  const body = { name: 'Each', amount: '0.01', period: 'day', per: 'user', thresholds: [1, 2, 50, 100, 150] };
  await ok('POST', '/v1/budgets', { key, body });
  return organization;
}

/** Each batch makes new users cross their lines; every other is sent to the other server. */
async function write({ key }: MadeOrganization, writer: number): Promise<void> {
  for (let batch = 0; batch < BATCHES; batch++) {
    const events = Array.from({ length: 3 }, (_, i) => ({ ...EVENT, user_id: `${writer}-${batch}-${i}`, cost: '0.1' }));
    await two()
      .server(writer + batch)
      .ok('POST', '/v1/usage', { key: key.secret, body: { events } });
  }
}

/** Reads on from the last position for as long as there are writers, and once more. */
async function follow({ uuid }: MadeOrganization, isOver: () => boolean): Promise<LoggedEvent[]> {
  const read: LoggedEvent[] = [];
  for (;;) {
    const wasOver = isOver();
    const events = await readEventsAfter(database.pool, uuid, read.at(-1)?.position ?? 0, PAGE);
    read.push(...events);
    if (events.length === 0 && wasOver) return read;
  }
}

it('a reader that goes by position reads every event once, in order, while two servers write', async () => {
  const organizations = [await newOrganization(), await newOrganization()];
  let over = false;
  const following = organizations.map((organization) =>
    Promise.all(Array.from({ length: READERS }, () => follow(organization, () => over))),
  );
  const writing = organizations.flatMap((organization) =>
    Array.from({ length: WRITERS }, (_, writer) => write(organization, writer)),
  );
  await Promise.all(writing);
  over = true;
  for (const [i, organization] of organizations.entries()) {
    const log = (await readEvents<object>(two().server(i), organization.key.secret)).map(({ id }) => id);
    // 288 users, each with 1, 2, 50, 100 and 150 percent and the limit itself; credits low, and
    // exhausted.
    expect(log).toHaveLength(WRITERS * BATCHES * 3 * 6 + 2);
    for (const read of (await following[i]) ?? []) {
      expect(read.map(({ id }) => formatId('event', id))).toEqual(log);
    }
  }
});

it('an event is in the log when, and only when, what it tells is committed', async () => {
  const organization = await newOrganization();
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT lock_organization($1)', [organization.uuid]);
    await client.query(`SELECT raise_event($1, now(), 'credits.low', NULL, '{"available": "1", "granted": "2"}')`, [
      organization.uuid,
    ]);
    // Who writes meanwhile waits, so nothing with a higher position is there before this one.
    const written = write(organization, 0);
    expect(await readEventsAfter(database.pool, organization.uuid, 0, PAGE)).toEqual([]);
    await client.query('COMMIT');
    await written;
    const [first, second] = await readEventsAfter(database.pool, organization.uuid, 0, PAGE);
    expect([first?.type, first?.data]).toEqual(['credits.low', { available: '1', granted: '2' }]);
    expect(second?.type).toBe('budget.threshold_reached');
  } finally {
    client.release();
  }
});
