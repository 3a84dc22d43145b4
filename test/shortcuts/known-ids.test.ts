import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UsageRow } from '../../src/domain/usage/event/usage-event.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import type { CommitOutcome } from '../../src/domain/usage/write/commit-outcome.ts';
import { createRecentIds } from '../../src/domain/usage/write/recent-ids.ts';
import { createUsageCommitter, type UsageCommitter } from '../../src/domain/usage/write/usage-committer.ts';
import { makeRows, useTestDomain } from '../harness/domain.ts';
import { makeOrganization } from '../harness/make.ts';

// An event id can turn out known in four ways: a process remembers it, a batch holds it twice, the
// database finds it, or the unique index refuses it. Whichever it is, the outcome is that of one
// plain look into one list of ids.

const domain = useTestDomain();
const PROCESSES = 2;

function openCommitter(): UsageCommitter {
  const { database, budgets, clock } = domain().resources;
  return createUsageCommitter({ database, budgets, clock, maxTransactions: 2, maxQueuedEvents: 1_000_000 });
}

async function withCommitter(work: (committer: UsageCommitter) => Promise<void>): Promise<void> {
  const committer = openCommitter();
  await work(committer).finally(() => committer.close());
}

/** Two processes' worth of committers, closed afterwards whatever happens. */
async function withCommitters(work: (committers: UsageCommitter[]) => Promise<void>): Promise<void> {
  const committers = Array.from({ length: PROCESSES }, openCommitter);
  await work(committers).finally(() => Promise.all(committers.map((committer) => committer.close())));
}

async function makeWriter() {
  const organization = await makeOrganization(domain());
  const context = await domain().contextOf(organization);
  const rowsOf = (ids: readonly string[]) =>
    makeRows(
      context,
      ids.map((id) => ({ id })),
    );
  return { uuid: organization.uuid, rowsOf };
}

/** What a caller hears of each event: `stored`, or the row that was there before. */
function heard(outcomes: readonly CommitOutcome[]): string[] {
  return outcomes.map((outcome) => {
    if ('failed' in outcome) throw outcome.failed;
    return outcome.stored?.id ?? 'stored';
  });
}

/** The same by a plain list of what is stored. */
function expected(stored: Map<string, string>, rows: readonly UsageRow[]): string[] {
  return rows.map(({ event: { id, eventId } }) => {
    const before = stored.get(eventId);
    if (before === undefined) stored.set(eventId, id);
    return before ?? 'stored';
  });
}

async function countStored(uuid: string): Promise<number> {
  const { rows } = await domain().sql.query('SELECT count(*)::int AS n FROM usage_events WHERE organization_id = $1', [
    uuid,
  ]);
  return rows[0]?.n;
}

const batch = fc.array(fc.constantFrom(...'abcdefghijkl'), { minLength: 1, maxLength: 6 });
const step = fc.record({
  process: fc.nat(PROCESSES - 1),
  ids: batch,
  /** The process has ended, and another one has begun: it remembers nothing. */
  isRestarted: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
});

describe('event ids, known and new, in any order', () => {
  it('have the outcomes of a plain look-up, whichever process is given them, and however young it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const { uuid, rowsOf } = await makeWriter();
        const stored = new Map<string, string>();
        await withCommitters(async (committers) => {
          for (const { process, ids, isRestarted } of steps) {
            if (isRestarted) {
              await committers[process]?.close();
              committers[process] = openCommitter();
            }
            const rows = await rowsOf(ids);
            const outcomes = await committers[process]?.commit(rows);
            expect(heard(outcomes ?? [])).toEqual(expected(stored, rows));
          }
        });
        expect(await countStored(uuid)).toBe(stored.size);
      }),
      { numRuns: 40, endOnFailure: true },
    );
    expect(await verifyUsage(domain().resources.database)).toEqual([]);
  });

  it('at once, from several callers of two processes: each id is stored once, and all who came too late hear that row', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(PROCESSES - 1), batch), { minLength: 2, maxLength: 8 }),
        async (calls) => {
          const { uuid, rowsOf } = await makeWriter();
          const committers = Array.from({ length: PROCESSES }, openCommitter);
          const lists = await Promise.all(calls.map(([, ids]) => rowsOf(ids)));
          const outcomes = await Promise.all(lists.map((rows, at) => committers[calls[at]?.[0] ?? 0]?.commit(rows)));
          await Promise.all(committers.map((committer) => committer.close()));
          const winners = new Map<string, string>();
          for (const [at, rows] of lists.entries()) {
            for (const [i, answer] of heard(outcomes[at] ?? []).entries()) {
              const { id, eventId } = rows[i]?.event ?? { id: '', eventId: '' };
              if (answer !== 'stored') continue;
              expect(winners.has(eventId)).toBe(false);
              winners.set(eventId, id);
            }
          }
          for (const [at, rows] of lists.entries()) {
            const late = heard(outcomes[at] ?? []).map((answer, i) => [answer, rows[i]?.event.eventId ?? ''] as const);
            for (const [answer, eventId] of late) if (answer !== 'stored') expect(answer).toBe(winners.get(eventId));
          }
          expect(winners.size).toBe(new Set(calls.flatMap(([, ids]) => ids)).size);
          expect(await countStored(uuid)).toBe(winners.size);
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
    expect(await verifyUsage(domain().resources.database)).toEqual([]);
  });
});

it('rows that are committed once more, themselves, are stored and no repeats: alone, and among others', async () => {
  const { uuid, rowsOf } = await makeWriter();
  const rows = await rowsOf(['a', 'b', 'c']);
  await withCommitter(async (committer) => {
    for (const list of [rows, rows.slice(0, 1), rows, rows.slice(1)]) {
      expect(heard(await committer.commit(list))).toEqual(list.map(() => 'stored'));
    }
  });
  expect(await countStored(uuid)).toBe(3);
});

describe('the rough memory of ids', () => {
  const idOf = (n: number) => `id ${n}`;

  /** Two ids that the memory takes for one. */
  function findTwins(organizationId: string): { first: string; second: string } {
    const recent = createRecentIds();
    let n = 0;
    for (; !recent.has(organizationId, idOf(n)); n++) recent.add(organizationId, idOf(n));
    const again = createRecentIds();
    let first = '';
    for (let m = 0; m < n; m++) {
      const wasThere = again.has(organizationId, idOf(n));
      again.add(organizationId, idOf(m));
      if (!wasThere && again.has(organizationId, idOf(n))) first = idOf(m);
    }
    return { first, second: idOf(n) };
  }

  /** An id that is forgotten for another one. */
  function findUsurper(organizationId: string): { first: string; second: string } {
    const recent = createRecentIds();
    const first = 'the first';
    recent.add(organizationId, first);
    let n = -1;
    while (recent.has(organizationId, first)) recent.add(organizationId, idOf(++n));
    return { first, second: idOf(n) };
  }

  it('has an id that was just given, in its own organization', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), fc.string(), (organizationId, other, id) => {
        const recent = createRecentIds();
        expect(recent.has(organizationId, id)).toBe(false);
        recent.add(organizationId, id);
        expect(recent.has(organizationId, id)).toBe(true);
        if (organizationId.slice(28) !== other.slice(28)) expect(recent.has(other, id)).toBe(false);
      }),
    );
  });

  it('may be wrong either way, which changes no outcome', async () => {
    const { uuid, rowsOf } = await makeWriter();
    const twin = findTwins(uuid);
    const usurped = findUsurper(uuid);
    await withCommitter(async (committer) => {
      const commit = async (id: string) => heard(await committer.commit(await rowsOf([id])))[0];
      // Taken for known: the ledger is asked, and has it not.
      expect(await commit(twin.first)).toBe('stored');
      expect(await commit(twin.second)).toBe('stored');
      // Forgotten: taken for new, and known to the database.
      expect(await commit(usurped.first)).toBe('stored');
      expect(await commit(usurped.second)).toBe('stored');
      expect(await commit(usurped.first)).toMatch(/^[0-9a-f-]{36}$/);
    });
    expect(await countStored(uuid)).toBe(4);
  });
});
