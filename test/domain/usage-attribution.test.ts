import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foldUsage, readFoldBacklog } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { matchCounters } from '../../src/domain/usage/write/match-counters.ts';
import { organizationsOf, writeEvents } from '../../src/domain/usage/write/write-events.ts';
import type { UsageEventAnswer, UsageGroupAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { useTestApp } from '../harness/app.ts';
import { makeRows, openTestDomain, type TestDomain } from '../harness/domain.ts';
import { attoOf, decimalOf, rowsBy, sumsBy, sumsOf } from '../harness/ledger.ts';
import { unitName } from '../harness/local-time.ts';
import { EVENT, type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';
import { waitUntil } from '../harness/wait-until.ts';

// Sums by user and by tag come from three places: days that were folded, events that were not yet,
// and single events around them. Wherever the fold stands, they are the sums of the ledger.

const meterr = useTestApp();
let folders: TestDomain[] = [];

beforeAll(async () => {
  const { connectionString } = meterr();
  folders = await Promise.all([openTestDomain({ connectionString }), openTestDomain({ connectionString })]);
});

afterAll(async () => {
  await Promise.all(folders.map((folder) => folder.close()));
});

const [START, END] = ['2026-11-10T00:00:00Z', '2026-11-22T10:00:00Z'];
const START_MS = Date.parse(START);
const HOUR_MS = 3_600_000;
/** As many hours as there are whole days for, and some more. */
const HOURS = 12 * 24 + 9;

interface Event {
  timeMs: number;
  userId: string | null;
  tags: Record<string, string>;
  output: number;
  cost: bigint | null;
}

const anyEvent: fc.Arbitrary<Event> = fc.record({
  timeMs: fc.integer({ min: 0, max: HOURS * HOUR_MS }).map((offset) => START_MS + offset),
  userId: fc.constantFrom('ann', 'Bob', 'čeněk', '0', null),
  tags: fc.constantFrom<Record<string, string>[]>(
    {},
    { env: 'prod' },
    { env: 'test', team: 'x' },
    { env: '', team: 'y' },
  ),
  output: fc.nat(100_000),
  cost: fc.option(fc.bigInt({ min: 0n, max: 10n ** 20n }), { freq: 5 }),
});

function toWire({ timeMs, userId, tags, output, cost }: Event) {
  const named = cost === null ? { model: 'unheard-of', provider: 'nobody' } : { cost: decimalOf(cost) };
  return { timestamp: new Date(timeMs).toISOString(), user_id: userId, tags, output_tokens: output, ...named };
}

function inLedger({ output, cost, ...event }: Event, sign: 1 | -1 = 1) {
  const counts = { input: EVENT.input_tokens, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  return { ...event, counts, cost, sign };
}
type InLedger = ReturnType<typeof inLedger>;

const GROUPINGS: [string, (event: InLedger) => unknown[]][] = [
  ['user', ({ userId }) => [userId]],
  ['tag:env', ({ tags }) => [tags.env ?? null]],
  ['user,tag:team,tag:env', ({ userId, tags }) => [userId, tags.team ?? null, tags.env ?? null]],
];
const ZONES = ['UTC', 'America/St_Johns'];

async function ask(key: string, query: Record<string, string>) {
  const parameters = new URLSearchParams({ start: START, end: END, limit: '1000', ...query });
  return meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${parameters}`, { key });
}

/**
 * Holds every grouping, by days of two zones, against the ledger; and one that begins and ends
 * within hours.
 */
async function checkGroups(key: string, ledger: readonly InLedger[]): Promise<void> {
  const ranges = [
    [START, END],
    ['2026-11-10T05:07:00.001Z', '2026-11-21T23:59:59.999Z'],
  ] as const;
  for (const [group_by, ofEvent] of GROUPINGS) {
    for (const zone of ZONES) {
      for (const [start, end] of ranges) {
        const answer = await ask(key, { start, end, group_by, timezone: zone, interval: 'day' });
        const within = ledger.filter(({ timeMs }) => timeMs >= Date.parse(start) && timeMs < Date.parse(end));
        const name = (timeMs: number, values: unknown[]) => JSON.stringify([unitName(timeMs, 'day', zone), ...values]);
        const ofRow = ({ start: day, group }: UsageGroupAnswer) => name(Date.parse(day), Object.values(group));
        expect(rowsBy(answer.data, ofRow)).toEqual(sumsBy(within, (event) => name(event.timeMs, ofEvent(event))));
        expect(answer.totals).toEqual(sumsOf(within));
      }
    }
  }
}

const fold = () => Promise.all(folders.map(({ resources }) => foldUsage(resources.database)));

/** Nobody folds while `work` runs: the fold's own row is taken. */
async function unfolded(work: () => Promise<void>): Promise<void> {
  const client = await meterr().sql.connect();
  await client.query('BEGIN; SELECT FROM usage_fold FOR UPDATE');
  await work().finally(async () => {
    await client.query('ROLLBACK');
    client.release();
  });
}

async function backlog(): Promise<number> {
  return readFoldBacklog((folders[0] as TestDomain).resources.database);
}

it('before a fold, after one, with late events on folded days, and after voids: the sums are the ledger’s', async () => {
  const { key } = await makeOrganization(meterr());
  const [early = [], late = []] = fc.sample(fc.array(anyEvent, { minLength: 120, maxLength: 120 }), {
    numRuns: 2,
    seed: 7,
  });
  const ledger = early.map((event) => inLedger(event));
  let ids: string[] = [];
  await unfolded(async () => {
    ids = await makeUsage(meterr(), key.secret, early.map(toWire));
    expect(await backlog()).toBeGreaterThan(0);
    await checkGroups(key.secret, ledger);
  });
  await fold();
  expect(await backlog()).toBe(0);
  await checkGroups(key.secret, ledger);

  await unfolded(async () => {
    await makeUsage(meterr(), key.secret, late.map(toWire));
    ledger.push(...late.map((event) => inLedger(event)));
    for (let i = 0; i < early.length; i += 5) {
      await meterr().ok('POST', `/v1/usage/${ids[i]}/void`, { key: key.secret, body: { reason: 'a test' } });
      ledger.push(inLedger(early[i] as Event, -1));
    }
    await checkGroups(key.secret, ledger);
  });
  await fold();
  await checkGroups(key.secret, ledger);
  expect(await verifyUsage((folders[0] as TestDomain).resources.database)).toEqual([]);
});

it('while writers write and two processes fold: no answer misses what was stored before it was asked', async () => {
  const { key } = await makeOrganization(meterr());
  const WRITERS = 4;
  const ROUNDS = 12;
  const ledger: InLedger[] = [];
  let sent = 0;
  let writing = WRITERS;
  let answers = 0;
  const write = async (writer: number) => {
    const batches = fc.sample(fc.array(anyEvent, { minLength: 1, maxLength: 30 }), { numRuns: ROUNDS, seed: writer });
    for (const events of batches) {
      sent += events.length;
      await makeUsage(meterr(), key.secret, events.map(toWire));
      ledger.push(...events.map((event) => inLedger(event)));
    }
    writing--;
  };
  const foldOn = async ({ resources }: TestDomain) => {
    while (writing > 0) await foldUsage(resources.database);
  };
  const readOn = async (group_by: string, ofEvent: (event: InLedger) => unknown[]) => {
    while (writing > 0) {
      const stored = [...ledger];
      const { totals, data } = await ask(key.secret, { group_by });
      expect(totals.requests).toBeGreaterThanOrEqual(stored.length);
      expect(totals.requests).toBeLessThanOrEqual(sent);
      const name = (values: unknown[]) => JSON.stringify(values);
      const rows = rowsBy(data, ({ group }: UsageGroupAnswer) => name(Object.values(group)));
      for (const [group, sums] of sumsBy(stored, (event) => name(ofEvent(event)))) {
        expect(rows.get(group)?.requests).toBeGreaterThanOrEqual(sums.requests);
        expect(attoOf(rows.get(group)?.cost ?? '')).toBeGreaterThanOrEqual(attoOf(sums.cost));
      }
      answers++;
    }
  };
  await Promise.all([
    ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
    ...folders.map(foldOn),
    ...GROUPINGS.map(([groupBy, ofEvent]) => readOn(groupBy, ofEvent)),
  ]);
  expect(answers).toBeGreaterThan(3);
  await checkGroups(key.secret, ledger);
  await fold();
  await checkGroups(key.secret, ledger);
  expect(await verifyUsage((folders[0] as TestDomain).resources.database)).toEqual([]);
});

it('a fold waits for events that have their place but are not committed: later ones do not hide them', async () => {
  const [slow, quick]: MadeOrganization[] = [await makeOrganization(meterr()), await makeOrganization(meterr())];
  const [{ resources, sql, contextOf }] = folders as [TestDomain];
  const timestamp = new Date('2026-11-15T12:00:00Z');
  const rows = await makeRows(await contextOf(slow as MadeOrganization), [{ userId: 'slow', timestamp }]);
  await resources.budgets.get(slow?.uuid ?? '');
  const client = await sql.connect();
  try {
    await client.query('BEGIN');
    await writeEvents(
      client,
      rows,
      matchCounters({ get: resources.budgets.peek }, organizationsOf(rows), rows),
      Date.parse(END),
    );
    // Takes a later place, and is committed first.
    await makeUsage(meterr(), quick?.key.secret ?? '', [{ user_id: 'quick', timestamp: timestamp.toISOString() }]);
    let isFolded = false;
    const folding = fold().then(() => {
      isFolded = true;
    });
    await waitUntil('the fold waits for the writer', async () => {
      const query = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
        WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND NOT l.granted`;
      return (await meterr().sql.query(query)).rowCount === 2 || isFolded;
    });
    expect(isFolded).toBe(false);
    await client.query('COMMIT');
    await folding;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
  for (const { key } of [slow, quick] as MadeOrganization[]) {
    const { totals } = await ask(key.secret, { group_by: 'user' });
    expect(totals).toMatchObject({ requests: 1, cost: '0.0075' });
  }
  expect(await verifyUsage(resources.database)).toEqual([]);
});

describe('the largest groups', () => {
  it('are the same ones wherever the fold stands, and the rest is one group with the rest’s sums', async () => {
    const { key } = await makeOrganization(meterr());
    const users = Array.from({ length: 12 }, (_, i) => `user ${i}`);
    // Costs of which no two sums are equal: each event is worth another power of three.
    const costOf = (i: number) => 3n ** BigInt(i) * 1_000n;
    const events: Event[] = Array.from({ length: 36 }, (_, i) => ({
      timeMs: START_MS + ((i * 7) % HOURS) * HOUR_MS + i,
      userId: i % 13 === 12 ? null : (users[(i * 5) % 12] as string),
      tags: {},
      output: i,
      cost: costOf((i * 11) % 36),
    }));
    const ledger = events.map((event) => inLedger(event));
    const check = async (limit: number) => {
      const answer = await ask(key.secret, { group_by: 'user', limit: String(limit) });
      const all = sumsBy(ledger, ({ userId }) => JSON.stringify(userId));
      const ranked = [...all].sort(([, a], [, b]) => (attoOf(a.cost) < attoOf(b.cost) ? 1 : -1));
      const rest = ranked.slice(limit).map(([name]) => name);
      const named = answer.data.filter(({ other }) => !other);
      expect(named.map(({ group }) => JSON.stringify(group.user))).toEqual(
        ranked.slice(0, limit).map(([name]) => name),
      );
      expect(rowsBy(named, ({ group }) => JSON.stringify(group.user))).toEqual(
        new Map(ranked.slice(0, limit).sort() as typeof ranked),
      );
      const others = answer.data.filter(({ other }) => other);
      expect(others.map(({ group, start: _, end: __, other: ___, ...sums }) => ({ group, sums }))).toEqual(
        rest.length === 0
          ? []
          : [
              {
                group: { user: null },
                sums: sumsOf(ledger.filter(({ userId }) => rest.includes(JSON.stringify(userId)))),
              },
            ],
      );
      expect(answer.totals).toEqual(sumsOf(ledger));
    };
    await makeUsage(meterr(), key.secret, events.slice(0, 20).map(toWire));
    await fold();
    await unfolded(async () => {
      await makeUsage(meterr(), key.secret, events.slice(20).map(toWire));
      for (const limit of [1, 2, 5, 12, 13, 14]) await check(limit);
    });
    await fold();
    for (const limit of [1, 3, 13]) await check(limit);
  });
});

it('a filter by user or tag leaves the same events out of sums as out of the history', async () => {
  const { key } = await makeOrganization(meterr());
  const events = fc.sample(anyEvent, { numRuns: 80, seed: 3 });
  await makeUsage(meterr(), key.secret, events.slice(0, 40).map(toWire));
  await fold();
  await makeUsage(meterr(), key.secret, events.slice(40).map(toWire));
  const filters: [Record<string, string>, (event: InLedger) => boolean][] = [
    [{ user_id: 'ann' }, ({ userId }) => userId === 'ann'],
    [{ user_id: 'bob' }, () => false],
    [{ 'tag.env': '' }, ({ tags }) => tags.env === ''],
    [{ 'tag.env': 'test', 'tag.team': 'x', user_id: '0' }, ({ tags, userId }) => tags.team === 'x' && userId === '0'],
  ];
  const ledger = events.map((event) => inLedger(event));
  for (const [filter, isIn] of filters) {
    const { totals } = await ask(key.secret, { ...filter, group_by: 'model' });
    expect(totals).toEqual(sumsOf(ledger.filter(isIn)));
    const query = new URLSearchParams({ ...filter, start: START, end: '2026-11-22T10:05:01Z', limit: '1000' });
    const { data } = await meterr().ok<{ data: UsageEventAnswer[] }>('GET', `/v1/usage/history?${query}`, {
      key: key.secret,
    });
    expect(data).toHaveLength(totals.requests);
  }
});
