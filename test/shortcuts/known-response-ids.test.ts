import fc from 'fast-check';
import { expect, it } from 'vitest';
import { responseIdOf, type UsageRow } from '../../src/domain/usage/event/usage-event.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import type { CommitOutcome } from '../../src/domain/usage/write/commit-outcome.ts';
import { createUsageCommitter, type UsageCommitter } from '../../src/domain/usage/write/usage-committer.ts';
import type { Database } from '../../src/platform/postgres/database.ts';
import { blockWriters, makeRows, useTestDomain } from '../harness/domain.ts';
import { makeOrganization } from '../harness/make.ts';

// Event ids and response ids together can turn out known in six ways: a process remembers the event
// id, a batch holds one of them twice, `record_one` or `record_usage` finds one, or a unique index
// refuses it. Whichever it is, the outcome is that of one plain look into one list of each.

const domain = useTestDomain();
const PROCESSES = 2;

function openCommitter(database: Database = domain().resources.database): UsageCommitter {
  const { budgets, clock } = domain().resources;
  return createUsageCommitter({ database, budgets, clock, maxTransactions: 2, maxQueuedEvents: 1_000_000 });
}

type Ids = readonly [id: string | null, responseId: string | null];

async function makeWriter() {
  const organization = await makeOrganization(domain());
  const context = await domain().contextOf(organization);
  const rowsOf = (ids: readonly Ids[]) =>
    makeRows(
      context,
      ids.map(([id, responseId]) => ({ id, responseId })),
    );
  return { uuid: organization.uuid, rowsOf };
}

type Heard = 'stored' | { repeats: string } | { conflictsWith: string };

function hear(row: UsageRow, outcome: CommitOutcome): Heard {
  if ('failed' in outcome) throw outcome.failed;
  const { stored } = outcome;
  if (stored === null) return 'stored';
  const isRepeat = stored.isSameCall || stored.bodyHash === row.bodyHash;
  return isRepeat ? { repeats: stored.id } : { conflictsWith: stored.id };
}

const hearAll = (rows: readonly UsageRow[], outcomes: readonly CommitOutcome[] = []) =>
  rows.map((row, at) => hear(row, outcomes[at] as CommitOutcome));

/** The same by two plain lists of what is stored. */
class Lists {
  readonly events = new Map<string, UsageRow>();
  readonly responses = new Map<string, UsageRow>();

  commit(row: UsageRow): Heard {
    const { eventId } = row.event;
    const responseId = responseIdOf(row.event);
    const first = responseId === null ? undefined : this.responses.get(responseId);
    if (first) return { repeats: first.event.id };
    const known = this.events.get(eventId);
    if (known) return { [known.bodyHash === row.bodyHash ? 'repeats' : 'conflictsWith']: known.event.id } as Heard;
    this.events.set(eventId, row);
    if (responseId !== null) this.responses.set(responseId, row);
    return 'stored';
  }
}

async function readStored(uuid: string): Promise<{ id: string; response_id: string | null }[]> {
  const { rows } = await domain().sql.query(
    `SELECT e.id, r.response_id FROM usage_events e
       LEFT JOIN usage_responses r ON r.organization_id = e.organization_id AND r.event_id = e.event_id
      WHERE e.organization_id = $1 ORDER BY e.id`,
    [uuid],
  );
  return rows;
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
const oneOf = (letters: string, freq: number) => fc.option(fc.constantFrom(...letters.split('')), { freq });
const ids: fc.Arbitrary<Ids> = fc.tuple(oneOf('abcdefgh', 4), oneOf('uvwxyz', 2));
const batch = fc.array(ids, { minLength: 1, maxLength: 7 });

it('in any order they have the outcomes of a plain look-up, whichever process is given them, and however young it is', async () => {
  const step = fc.record({
    process: fc.nat(PROCESSES - 1),
    ids: batch,
    /** The process has ended, and another one has begun: it remembers nothing. */
    isRestarted: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  });
  const seen = { stored: 0, repeats: 0, conflicts: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
      const { uuid, rowsOf } = await makeWriter();
      const committers = Array.from({ length: PROCESSES }, () => openCommitter());
      const lists = new Lists();
      try {
        for (const { process, ids, isRestarted } of steps) {
          if (isRestarted) {
            await committers[process]?.close();
            committers[process] = openCommitter();
          }
          const rows = await rowsOf(ids);
          const heard = hearAll(rows, await committers[process]?.commit(rows));
          expect(heard).toEqual(rows.map((row) => lists.commit(row)));
          for (const one of heard) seen[one === 'stored' ? one : 'repeats' in one ? 'repeats' : 'conflicts']++;
        }
      } finally {
        await Promise.all(committers.map((committer) => committer.close()));
      }
      const stored = [...lists.events.values()].map(({ event }) => {
        return { id: event.id, response_id: responseIdOf(event) };
      });
      expect(await readStored(uuid)).toEqual(stored.sort(byId));
    }),
    { numRuns: 60, endOnFailure: true },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
  expect(await verifyUsage(domain().resources.database)).toEqual([]);
});

it('at once, from several callers of two processes: each id is taken once, and whoever came too late hears who has it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(PROCESSES - 1), batch), { minLength: 2, maxLength: 8 }),
      async (calls) => {
        const { uuid, rowsOf } = await makeWriter();
        const committers = Array.from({ length: PROCESSES }, () => openCommitter());
        const lists = await Promise.all(calls.map(([, list]) => rowsOf(list)));
        const outcomes = await Promise.all(
          lists.map((rows, at) => committers[calls[at]?.[0] ?? 0]?.commit(rows) ?? []),
        );
        await Promise.all(committers.map((committer) => committer.close()));
        const rows = lists.flat();
        const heard = hearAll(rows, outcomes.flat());
        const winners = new Map(rows.flatMap((row, at) => (heard[at] === 'stored' ? [[row.event.id, row]] : [])));
        for (const [at, row] of rows.entries()) {
          const told = heard[at] as Heard;
          if (told === 'stored') continue;
          const first = winners.get('repeats' in told ? told.repeats : told.conflictsWith);
          const isSameEvent = first?.event.eventId === row.event.eventId;
          const isSameCall = first && responseIdOf(first.event) === responseIdOf(row.event);
          // No two bodies here are the same but by their response id.
          expect(isSameCall ? 'repeats' in told : 'conflictsWith' in told && isSameEvent).toBe(true);
        }
        // The keys of the tables make each id unique; here nothing is lost, and nothing is stored else.
        const stored = [...winners.values()].map(({ event }) => ({ id: event.id, response_id: responseIdOf(event) }));
        expect(await readStored(uuid)).toEqual(stored.sort(byId));
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
  expect(await verifyUsage(domain().resources.database)).toEqual([]);
});

it('rows that are committed once more, themselves, are stored and no repeats: alone, among others, and beside their repeats', async () => {
  const { uuid, rowsOf } = await makeWriter();
  const rows = await rowsOf([
    ['a', 'x'],
    [null, 'y'],
    ['c', null],
  ]);
  const [repeat] = await rowsOf([['d', 'x']]);
  const committer = openCommitter();
  for (const list of [rows, rows.slice(0, 1), rows, rows.slice(1)]) {
    expect(hearAll(list, await committer.commit(list))).toEqual(list.map(() => 'stored'));
  }
  const both = [...rows, repeat as UsageRow];
  const late = { repeats: rows[0]?.event.id };
  expect(hearAll(both, await committer.commit(both))).toEqual(['stored', 'stored', 'stored', late]);
  await committer.close();
  expect(await readStored(uuid)).toHaveLength(3);
});

it.each([
  ['alone', [['a', 'x']]],
  [
    'in a batch',
    [
      ['a', 'x'],
      ['b', 'y'],
      [null, 'z'],
    ],
  ],
  [
    'with a repeat in the batch',
    [
      ['a', 'x'],
      ['b', 'x'],
      ['b', 'y'],
    ],
  ],
] as [string, Ids[]][])(
  'the answer to a commit is lost, and the rows are sent again: each is stored once, %s',
  async (_, list) => {
    const { uuid, rowsOf } = await makeWriter();
    const { database } = domain().resources;
    let torn = 0;
    /** Tears the connection after the first statement or transaction that succeeds. */
    const tear = async <T>(work: Promise<T>): Promise<T> => {
      const result = await work;
      if (torn++ > 0) return result;
      throw Object.assign(new Error('the socket was torn'), { code: 'ECONNRESET' });
    };
    const committer = openCommitter({
      ...database,
      openSession() {
        const session = database.openSession();
        return { query: (statement) => tear(session.query(statement)), close: session.close };
      },
      transaction: (work, options) => tear(database.transaction(work, options)),
    } as Database);
    const rows = await rowsOf(list);
    const lists = new Lists();
    expect(hearAll(rows, await committer.commit(rows))).toEqual(rows.map((row) => lists.commit(row)));
    expect(torn).toBeGreaterThan(1);
    await committer.close();
    expect(await readStored(uuid)).toHaveLength(lists.events.size);
  },
);

it('the same answer from several callers of one transaction is stored once, in the order of their calls', async () => {
  const { uuid, rowsOf } = await makeWriter();
  const { usage } = domain().resources;
  const blockade = await blockWriters(domain().sql, uuid);
  const before = usage.commit(await rowsOf([['before', null]]));
  await blockade.waiting();
  const callers = [
    await rowsOf([['a', 'x']]),
    await rowsOf([
      ['b', 'x'],
      ['c', 'y'],
    ]),
    await rowsOf([[null, 'y']]),
  ];
  const done = callers.map((rows) => usage.commit(rows));
  await blockade.release();
  await before;
  const [a, [, c] = []] = callers.map((rows) => rows.map(({ event }) => event.id));
  const heard = (await Promise.all(done)).map((outcomes, at) => hearAll(callers[at] ?? [], outcomes));
  expect(heard).toEqual([['stored'], [{ repeats: a?.[0] }, 'stored'], [{ repeats: c }]]);
  const { rows } = await domain().sql.query(
    'SELECT count(DISTINCT xmin::text)::int AS transactions FROM usage_events WHERE organization_id = $1',
    [uuid],
  );
  expect(rows).toEqual([{ transactions: 2 }]);
});
