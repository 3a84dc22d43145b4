import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { cutSpan } from '../../src/platform/calendar.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import type { UsageGroupAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { useTestApp } from '../harness/app.ts';
import { decimalOf, rowsBy, sumsBy, sumsOf } from '../harness/ledger.ts';
import { type Unit, unitName } from '../harness/local-time.ts';
import { EVENT, makeOrganization, makeUsage } from '../harness/make.ts';

// calendar.test.ts and usage-totals.test.ts prove the zones of the contract around their clock
// changes. Here: every zone there is, and the sums by user and tag, which are read from whole UTC
// days and from single events.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR = { startMs: Date.parse('2026-01-01T00:00:00Z'), endMs: Date.parse('2027-01-02T00:00:00Z') };
const ALL_ZONES = Intl.supportedValuesOf('timeZone');
const MANY = 10_000;

/**
 * Holds days against the names that Intl gives: a piece is where one name is, all of it and nothing
 * else.
 */
function checkDays(startMs: number, endMs: number, zone: string): void {
  let reached = startMs;
  let name = unitName(startMs, 'day', zone);
  for (const piece of cutSpan({ startMs, endMs }, 'day', zone, MANY)) {
    const isWhole = piece.startMs === reached && unitName(piece.endMs - 1, 'day', zone) === name;
    const next = unitName(piece.endMs, 'day', zone);
    if (!isWhole || (next === name && piece.endMs < endMs)) {
      throw new Error(`${zone}: ${JSON.stringify(piece)} is not the whole day ${name}`);
    }
    name = next;
    reached = piece.endMs;
  }
  expect(reached).toBe(endMs);
}

/**
 * Hours join, none is longer than one, and none has the name of another: where a clock changes
 * within an hour too.
 */
function checkHours(startMs: number, endMs: number, zone: string): void {
  const pieces = cutSpan({ startMs, endMs }, 'hour', zone, MANY);
  const lengths = pieces.map((piece) => piece.endMs - piece.startMs);
  expect(lengths.every((length) => length > 0 && length <= HOUR_MS)).toBe(true);
  expect(pieces.map((piece) => piece.startMs)).toEqual([startMs, ...pieces.slice(0, -1).map((piece) => piece.endMs)]);
  expect(pieces.at(-1)?.endMs).toBe(endMs);
  expect(new Set(pieces.map((piece) => unitName(piece.startMs, 'hour', zone))).size).toBe(pieces.length);
}

const OFFSET = /GMT.*$/;
const WEEK_MS = 7 * DAY_MS;

it(`in each of ${ALL_ZONES.length} zones the days and hours around each clock change of a year are the local ones`, () => {
  expect(ALL_ZONES.length).toBeGreaterThan(400);
  let changes = 0;
  for (const zone of ALL_ZONES) {
    const offsetAt = (timeMs: number) => OFFSET.exec(unitName(timeMs, 'hour', zone))?.[0];
    checkDays(YEAR.startMs + 1, YEAR.startMs + 9 * DAY_MS, zone);
    let offset = offsetAt(YEAR.startMs);
    for (let timeMs = YEAR.startMs; timeMs < YEAR.endMs; timeMs += WEEK_MS) {
      const next = offsetAt(timeMs + WEEK_MS);
      if (next === offset) continue;
      offset = next;
      changes++;
      checkDays(timeMs - DAY_MS, timeMs + WEEK_MS + DAY_MS, zone);
      checkHours(timeMs + 1_234, timeMs + WEEK_MS + 7, zone);
    }
  }
  // Both kinds, in all the zones that still have them.
  expect(changes).toBeGreaterThan(200);
});

const meterr = useTestApp();
let database: Database;

beforeAll(() => {
  database = openDatabase({ connectionString: meterr().connectionString, connections: 2, onError: () => {} });
});

afterAll(() => database.close());

/** A day forth, a day back, a day that never was, and offsets that no quarter of an hour fits. */
const CHANGES: [zone: string, ...changes: string[]][] = [
  ['America/St_Johns', '2026-03-08T05:30:00Z', '2026-11-01T04:30:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  ['Asia/Kathmandu', '1985-12-31T18:30:00Z'],
  ['Africa/Monrovia', '1972-01-07T00:44:30Z'],
];

interface Event {
  timeMs: number;
  userId: string | null;
  env: string | null;
  cost: bigint;
}

describe.each(CHANGES)('by user and tag, in %s', (zone, ...changes) => {
  const REACH_MS = 5 * DAY_MS;
  const QUARTER_MS = HOUR_MS / 4;
  const near = fc
    .tuple(
      fc.constantFrom(...changes),
      fc.oneof(
        fc.integer({ min: -REACH_MS, max: REACH_MS }),
        fc.integer({ min: -9, max: 9 }).map((quarters) => quarters * QUARTER_MS),
        fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }),
      ),
    )
    .map(([change, offset]) => Date.parse(change) + offset);
  const anyEvent: fc.Arbitrary<Event> = fc.record({
    timeMs: near,
    userId: fc.constantFrom('ann', 'bob', null),
    env: fc.constantFrom('prod', 'test', null),
    cost: fc.bigInt({ min: 0n, max: 10n ** 19n }),
  });
  let key: string;
  let events: Event[];

  beforeAll(async () => {
    key = (await makeOrganization(meterr())).key.secret;
    events = fc.sample(anyEvent, { numRuns: 250, seed: 11 });
    const toWire = ({ timeMs, userId, env, cost }: Event) => ({
      timestamp: new Date(timeMs).toISOString(),
      user_id: userId,
      tags: env === null ? {} : { env },
      cost: decimalOf(cost),
    });
    await makeUsage(meterr(), key, events.slice(0, 150).map(toWire));
    await foldUsage(database);
    // Late ones, which come to days that are folded.
    await makeUsage(meterr(), key, events.slice(150).map(toWire));
  });

  const ledgerOf = (within: readonly Event[]) =>
    within.map((event) => {
      const { input_tokens: input, output_tokens: output } = EVENT;
      return { ...event, counts: { input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 }, sign: 1 as const };
    });

  it('the sums of days and hours are those of the ledger, over any range', async () => {
    const range = fc.tuple(near, fc.integer({ min: 1, max: 2 * REACH_MS }), fc.constantFrom(1, QUARTER_MS, DAY_MS));
    const unit = fc.constantFrom('hour', 'day', 'week', 'month');
    await fc.assert(
      fc.asyncProperty(range, unit, fc.boolean(), async ([from, length, step], interval, byBoth) => {
        const startMs = Math.floor(from / step) * step;
        const endMs = startMs + Math.ceil(length / step) * step;
        const query = new URLSearchParams({
          start: new Date(startMs).toISOString(),
          end: new Date(endMs).toISOString(),
          timezone: zone,
          interval,
          group_by: byBoth ? 'user,tag:env' : 'tag:env',
        });
        const answer = await meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key });
        const within = ledgerOf(events.filter(({ timeMs }) => timeMs >= startMs && timeMs < endMs));
        const name = (timeMs: number, ...values: unknown[]) =>
          JSON.stringify([unitName(timeMs, interval as Unit, zone), ...values]);
        const ofRow = ({ start, group }: UsageGroupAnswer) => name(Date.parse(start), ...Object.values(group));
        const ofEvent = ({ timeMs, userId, env }: Event) => name(timeMs, ...(byBoth ? [userId, env] : [env]));
        expect(rowsBy(answer.data, ofRow)).toEqual(sumsBy(within, ofEvent));
        expect(answer.totals).toEqual(sumsOf(within));
      }),
      { numRuns: 25 },
    );
  });
});
