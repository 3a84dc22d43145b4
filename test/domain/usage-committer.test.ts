import { describe, expect, it } from 'vitest';
import { createBudget } from '../../src/domain/budgets/create-budget.ts';
import type { UsageRow } from '../../src/domain/usage/event/usage-event.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import type { CommitOutcome } from '../../src/domain/usage/write/commit-outcome.ts';
import type { UsageCommitter } from '../../src/domain/usage/write/usage-committer.ts';
import { createUsageCommitter } from '../../src/domain/usage/write/usage-committer.ts';
import type { Database, Statement } from '../../src/platform/postgres/database.ts';
import type { UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { createTestApp, useTestApp } from '../harness/app.ts';
import { blockWriters, makeRows, openTestDomain, useTestDomain } from '../harness/domain.ts';
import { EVENT, EVENT_COST, makeOrganization } from '../harness/make.ts';

const domain = useTestDomain();

/** A committer of its own over the same database, or one that stands in for it. */
function committerOver(database: Database, maxQueuedEvents = 1_000_000): UsageCommitter {
  const { budgets, clock } = domain().resources;
  return createUsageCommitter({ database, budgets, clock, maxTransactions: 2, maxQueuedEvents });
}

async function makeWriter() {
  const organization = await makeOrganization(domain());
  const context = await domain().contextOf(organization);
  return {
    organization,
    context,
    rows: (...ids: string[]) =>
      makeRows(
        context,
        ids.map((id) => ({ id })),
      ),
  };
}

/** The transaction of each row that is stored. */
async function transactionsOf(rows: readonly UsageRow[]): Promise<string[]> {
  const ids = rows.map(({ event }) => event.id);
  const query = 'SELECT xmin::text FROM usage_events WHERE id = ANY ($1::uuid[]) ORDER BY position';
  const { rows: stored } = await domain().sql.query<{ xmin: string }>(query, [ids]);
  return stored.map(({ xmin }) => xmin);
}

const CREATED: CommitOutcome = { stored: null };

describe('group commit', () => {
  it('what arrives while a transaction is under way becomes the next one, of all organizations together', async () => {
    const [one, other] = [await makeWriter(), await makeWriter()];
    const { usage } = domain().resources;
    const blockade = await blockWriters(domain().sql, one.organization.uuid);
    const first = await one.rows('first');
    const later = [await one.rows('a', 'b'), await other.rows('c'), await one.rows('d'), await other.rows('e', 'f')];
    const firstDone = usage.commit(first);
    await blockade.waiting();
    const laterDone = later.map((rows) => usage.commit(rows));
    expect(usage.isIdle()).toBe(false);
    await blockade.release();
    expect(await firstDone).toEqual([CREATED]);
    expect(await Promise.all(laterDone)).toEqual(later.map((rows) => rows.map(() => CREATED)));
    const transactions = await transactionsOf(later.flat());
    expect(transactions).toHaveLength(6);
    expect(new Set(transactions).size).toBe(1);
    expect(await transactionsOf(first)).not.toEqual([transactions[0]]);
  });

  it('a lone writer waits for nobody: its statement is sent before anything else can happen', async () => {
    const { rows } = await makeWriter();
    const row = await rows('alone');
    let sent = 0;
    const openSession = () => ({ query: async () => ({ rows: [], sent: ++sent }), close() {} });
    const retryingLostConnections: Database['retryingLostConnections'] = (work) => work();
    const done = committerOver({ openSession, retryingLostConnections } as unknown as Database).commit(row);
    expect(sent).toBe(1);
    expect(await done).toEqual([CREATED]);
  });

  it('a request is never cut in two, and a transaction does not grow without end', async () => {
    const { organization, context } = await makeWriter();
    const { usage } = domain().resources;
    const batch = (name: string) =>
      makeRows(
        context,
        Array.from({ length: 600 }, (_, i) => ({ id: `${name}-${i}` })),
      );
    const [first, ...batches] = [await makeRows(context, [{}]), await batch('a'), await batch('b'), await batch('c')];
    const blockade = await blockWriters(domain().sql, organization.uuid);
    const done = [usage.commit(first)];
    await blockade.waiting();
    done.push(...batches.map((rows) => usage.commit(rows)));
    await blockade.release();
    await Promise.all(done);
    const transactions = await Promise.all(batches.map(async (rows) => new Set(await transactionsOf(rows))));
    expect(transactions.map(({ size }) => size)).toEqual([1, 1, 1]);
    expect(new Set(transactions.flatMap((set) => [...set])).size).toBe(3);
  });

  it('a large set does not wait here for the transaction under way, but behind it in the database', async () => {
    const { organization, context, rows } = await makeWriter();
    const { usage } = domain().resources;
    const large = (name: string) =>
      makeRows(
        context,
        Array.from({ length: 600 }, (_, i) => ({ id: `${name}-${i}` })),
      );
    const [first, second, third] = [await rows('a'), await large('b'), await large('c')];
    const blockade = await blockWriters(domain().sql, organization.uuid);
    const done = [usage.commit(first), usage.commit(second), usage.commit(third)];
    await blockade.waiting(2);
    await blockade.release();
    expect((await Promise.all(done)).flat()).toEqual([...first, ...second, ...third].map(() => CREATED));
    expect(await verifyUsage(domain().resources.database)).toEqual([]);
  });

  it('a repeat within a batch is answered with the first, without a look into the ledger', async () => {
    const { rows } = await makeWriter();
    const { database } = domain().resources;
    const [first, repeat] = await rows('x', 'x');
    const queryReserved = () => Promise.reject(new Error('the ledger was asked'));
    const committer = committerOver({ ...database, queryReserved });
    const outcomes = await committer.commit([first, repeat] as UsageRow[]);
    await committer.close();
    expect(outcomes).toMatchObject([CREATED, { stored: { id: first?.event.id } }]);
  });

  it('ids that another process stored are taken for new once, which stores nothing, and are looked for from then on', async () => {
    const { rows } = await makeWriter();
    const { database, usage } = domain().resources;
    const stored = await rows('x', 'y');
    await usage.commit(stored);
    let sent = 0;
    const openSession = () => {
      const session = database.openSession();
      const query = <Row>(statement: Statement) => {
        sent++;
        return session.query<Row>(statement);
      };
      return { query, close: session.close };
    };
    const committer = committerOver({ ...database, openSession });
    const [x, y] = stored.map(({ event }) => ({ stored: { id: event.id } }));
    expect(await committer.commit(await rows('a', 'x', 'b'))).toMatchObject([CREATED, x, CREATED]);
    expect(sent).toBe(2);
    expect(await committer.commit(await rows('y', 'c'))).toMatchObject([y, CREATED]);
    expect(sent).toBe(3);
    await committer.close();
    expect(await verifyUsage(database)).toEqual([]);
  });

  it('the same id from several callers at once is stored once, in the order of their calls', async () => {
    const { organization, rows } = await makeWriter();
    const { usage } = domain().resources;
    const blockade = await blockWriters(domain().sql, organization.uuid);
    const before = usage.commit(await rows('before'));
    await blockade.waiting();
    const callers = [await rows('x', 'y'), await rows('y', 'x'), await rows('x')];
    const done = callers.map((caller) => usage.commit(caller));
    await blockade.release();
    await before;
    const [first, ...others] = await Promise.all(done);
    expect(first).toEqual([CREATED, CREATED]);
    const [x, y] = callers[0]?.map(({ event }) => event.id) ?? [];
    expect(others).toMatchObject([[{ stored: { id: y } }, { stored: { id: x } }], [{ stored: { id: x } }]]);
  });
});

describe('a repeat that comes soon', () => {
  it('is answered from the ledger, while writers wait; what is new beside it is stored', async () => {
    const { organization, rows } = await makeWriter();
    const { usage } = domain().resources;
    const first = await rows('a', 'b');
    await usage.commit(first);
    const blockade = await blockWriters(domain().sql, organization.uuid);
    const waiting = usage.commit(await rows('c'));
    await blockade.waiting();
    const [a, b] = first.map(({ event, bodyHash }) => ({ id: event.id, bodyHash, cost: event.cost }));
    expect(await usage.commit(await rows('b'))).toMatchObject([{ stored: { ...b, event: first[1]?.event } }]);
    expect(await usage.commit(await rows('b', 'a'))).toMatchObject([{ stored: b }, { stored: a }]);
    const mixed = await rows('d', 'a', 'e', 'd');
    const done = usage.commit(mixed);
    await blockade.release();
    expect(await waiting).toEqual([CREATED]);
    expect(await done).toMatchObject([CREATED, { stored: a }, CREATED, { stored: { id: mixed[0]?.event.id } }]);
    expect(await transactionsOf(mixed)).toHaveLength(2);
  });

  it('of another organization is none', async () => {
    const [one, other] = [await makeWriter(), await makeWriter()];
    const { usage } = domain().resources;
    expect(await usage.commit(await one.rows('same'))).toEqual([CREATED]);
    expect(await usage.commit(await other.rows('same'))).toEqual([CREATED]);
  });
});

const POISON = `
  CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN IF NEW.user_id = 'poison' THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$;
  CREATE TRIGGER poison BEFORE INSERT ON usage_events FOR EACH ROW EXECUTE FUNCTION refuse_poison()`;
const ANTIDOTE = 'DROP TRIGGER poison ON usage_events; DROP FUNCTION refuse_poison()';

describe('an event that the database refuses', () => {
  it('fails alone: neither its batch-mates nor other callers in the same transaction feel it', async () => {
    const writers = [await makeWriter(), await makeWriter(), await makeWriter()];
    const { sql, resources } = domain();
    await sql.query(POISON);
    const blockade = await blockWriters(sql, writers[0]?.organization.uuid ?? '');
    const first = resources.usage.commit((await writers[0]?.rows('first')) ?? []);
    await blockade.waiting();
    const calls = await Promise.all(
      Array.from({ length: 12 }, (_, call) => {
        const { context } = writers[call % 3] as (typeof writers)[0];
        const userOf = (i: number) => (call === 7 && i === 2 ? 'poison' : 'u');
        return makeRows(
          context,
          Array.from({ length: 5 }, (_, i) => ({ userId: userOf(i), id: `${call}-${i}` })),
        );
      }),
    );
    const done = calls.map((rows) => resources.usage.commit(rows));
    await blockade.release();
    await first;
    const outcomes = await Promise.all(done);
    await sql.query(ANTIDOTE);
    expect(outcomes.map((list) => list.map((outcome) => 'failed' in outcome))).toEqual(
      outcomes.map((_, call) => [0, 1, 2, 3, 4].map((i) => call === 7 && i === 2)),
    );
    expect(await transactionsOf(calls.flat())).toHaveLength(59);
    expect(await verifyUsage(resources.database)).toEqual([]);
    // Its id is still free.
    const [again] = await makeRows((writers[1] as (typeof writers)[0]).context, [{ userId: 'u', id: '7-2' }]);
    expect(await resources.usage.commit(again ? [again] : [])).toEqual([CREATED]);
  });
});

describe('a connection that is lost', () => {
  it('while the transaction is under way: it is sent again, and stored once', async () => {
    const { organization, rows } = await makeWriter();
    const { sql, resources } = domain();
    const events = await rows('once', 'twice', 'once');
    const blockade = await blockWriters(sql, organization.uuid);
    const done = resources.usage.commit(events);
    const [pid] = await blockade.waiting();
    // Waits until that one is gone: before, it is still seen waiting.
    await sql.query('SELECT pg_terminate_backend($1, 10000)', [pid]);
    const [next] = await blockade.waiting();
    expect(next).not.toBe(pid);
    await blockade.release();
    expect(await done).toMatchObject([CREATED, CREATED, { stored: { id: events[0]?.event.id } }]);
    expect(await transactionsOf(events)).toHaveLength(2);
  });

  it('after the commit, before its answer: the rows are known as the same, and counted once everywhere', async () => {
    const { context, rows } = await makeWriter();
    const { resources } = domain();
    await createBudget(context, { name: 'all', amount: '1', period: 'total', thresholds: [1] });
    const events = await rows('e-1', 'e-2', 'e-1');
    const { database } = resources;
    let isLost = false;
    const session = database.openSession();
    const query = async (...args: Parameters<typeof session.query>) => {
      const result = await session.query(...args);
      if (isLost) return result;
      isLost = true;
      throw Object.assign(new Error('the socket was torn'), { code: 'ECONNRESET' });
    };
    const torn: Database = { ...database, openSession: () => ({ query: query as typeof session.query, close() {} }) };
    const outcomes = await committerOver(torn).commit(events);
    session.close();
    expect(isLost).toBe(true);
    expect(outcomes).toMatchObject([CREATED, CREATED, { stored: { id: events[0]?.event.id } }]);
    const organizationId = context.caller.organization.id;
    const { rows: counters } = await domain().sql.query(
      'SELECT trim_scale(spent)::text AS spent, matched_events FROM budget_counters WHERE organization_id = $1',
      [organizationId],
    );
    expect(counters).toEqual([{ spent: '0.015', matched_events: 2 }]);
    const { rows: raised } = await domain().sql.query('SELECT type FROM events WHERE organization_id = $1', [
      organizationId,
    ]);
    expect(raised).toHaveLength(1);
    expect(await verifyUsage(database)).toEqual([]);
  });
});

it('two processes that write for the same organizations, in opposite orders, never block each other for good', async () => {
  const [one, other] = [await makeWriter(), await makeWriter()];
  const second = await openTestDomain({ connectionString: domain().url });
  const ROUNDS = 40;
  const write = async ({ usage }: typeof second.resources, writers: (typeof one)[]) => {
    for (let round = 0; round < ROUNDS; round++) {
      // Both land in one transaction when another one is under way.
      const rows = await Promise.all(writers.map(({ rows }) => rows(`r-${round}`, `${Math.random()}`)));
      await Promise.all(rows.map((list) => usage.commit(list)));
    }
  };
  const { resources } = domain();
  await Promise.all([
    write(resources, [one, other]),
    write(resources, [other, one]),
    write(second.resources, [other, one]),
    write(second.resources, [one, other]),
  ]);
  await second.close();
  for (const { context } of [one, other]) {
    const { rows } = await domain().sql.query(
      'SELECT count(*) AS events FROM usage_events WHERE organization_id = $1',
      [context.caller.organization.id],
    );
    // An id of each round, and a random one of each writer in it.
    expect(rows).toEqual([{ events: ROUNDS * 5 }]);
  }
  expect(await verifyUsage(resources.database)).toEqual([]);
});

describe('closing', () => {
  it('answers what is queued, and refuses what comes after', async () => {
    const { organization, rows } = await makeWriter();
    const usage = committerOver(domain().resources.database);
    const blockade = await blockWriters(domain().sql, organization.uuid);
    const lists = [await rows('in flight'), await rows('queued'), await rows('queued too', 'in flight')];
    const done = [usage.commit(lists[0] ?? [])];
    await blockade.waiting();
    done.push(...lists.slice(1).map((list) => usage.commit(list)));
    let isClosed = false;
    const closed = usage.close().then(() => {
      isClosed = true;
    });
    await expect(usage.commit(await rows('late'))).rejects.toMatchObject({ code: 'unavailable' });
    expect(isClosed).toBe(false);
    await blockade.release();
    await closed;
    expect(usage.isIdle()).toBe(true);
    expect(await Promise.all(done)).toMatchObject([[CREATED], [CREATED], [CREATED, { stored: {} }]]);
    expect(await transactionsOf(lists.flat())).toHaveLength(3);
  });
});

describe('a full queue', () => {
  const meterr = useTestApp({ env: { METERR_USAGE_QUEUE_EVENTS: '100' } });

  it('answers 503 with Retry-After and stores nothing of what it refuses; what it took is stored', async () => {
    const { rest, ok, sql } = meterr();
    const { key, uuid } = await makeOrganization(meterr());
    const options = { key: key.secret };
    // Known to the server, so that nothing but the ledger is waited for.
    await ok('POST', '/v1/usage', { ...options, body: { ...EVENT, id: 'first' } });
    const blockade = await blockWriters(sql, uuid);
    const inFlight = rest('POST', '/v1/usage', { ...options, body: { ...EVENT, id: 'in flight' } });
    await blockade.waiting();
    // Of five times sixty, one fits a queue of a hundred: four are answered while nothing is
    // stored.
    let refused = 0;
    const send = async (name: string) => {
      const events = Array.from({ length: 60 }, (_, i) => ({ ...EVENT, id: `${name}-${i}` }));
      const answer = await rest<{ created: number }>('POST', '/v1/usage', { ...options, body: { events } });
      if (answer.status === 503 && ++refused === 4) await blockade.release();
      return answer;
    };
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(send));
    expect((await inFlight).status).toBe(201);
    const [taken] = answers.filter(({ status }) => status === 200);
    expect(taken?.body.created).toBe(60);
    for (const { status, headers, error } of answers.filter((answer) => answer !== taken)) {
      expect({ status, code: error?.code }).toEqual({ status: 503, code: 'unavailable' });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const { totals } = await ok<UsageSummaryAnswer>('GET', '/v1/usage', options);
    expect(totals.requests).toBe(62);
    // There is room again.
    expect((await send('again')).body.created).toBe(60);
  });
});

it('through the doors too, one refused event is one 500 among many 201', async () => {
  const { organization, context } = await makeWriter();
  const app = await createTestApp({ connectionString: domain().url });
  await domain().sql.query(POISON);
  const options = { key: organization.key.secret };
  const answers = await Promise.all(
    Array.from({ length: 25 }, (_, i) =>
      app.rest<UsageEventAnswer>('POST', '/v1/usage', {
        ...options,
        body: { ...EVENT, user_id: i === 11 ? 'poison' : 'u' },
      }),
    ),
  );
  await domain().sql.query(ANTIDOTE);
  await app.close();
  expect(answers.map(({ status }) => status)).toEqual(answers.map((_, i) => (i === 11 ? 500 : 201)));
  expect(answers[11]?.error?.code).toBe('internal_error');
  expect(answers[11]?.text).not.toContain('refused');
  expect(answers[0]?.body.cost).toBe(EVENT_COST);
  const { rows } = await domain().sql.query('SELECT count(*) AS events FROM usage_events WHERE organization_id = $1', [
    context.caller.organization.id,
  ]);
  expect(rows).toEqual([{ events: 24 }]);
});
