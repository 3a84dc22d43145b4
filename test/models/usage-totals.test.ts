import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SumsAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { useTestApp } from '../harness/app.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { type Unit, unitName } from '../harness/local-time.ts';
import { EVENT, makeOrganization, makeUsage } from '../harness/make.ts';

const meterr = useTestApp({ now: '2026-11-22T10:00:00.000Z' });

/** Around both kinds of clock change of each zone, and the day that Apia skipped. */
const CHANGES: Record<string, string[]> = {
  UTC: ['2026-03-01T00:00:00Z', '2026-06-30T12:00:00Z'],
  'Asia/Kolkata': ['2026-03-31T18:30:00Z', '2025-12-31T18:30:00Z'],
  'Asia/Kathmandu': ['2026-04-30T18:15:00Z', '1985-12-31T18:30:00Z'],
  'America/St_Johns': ['2026-03-08T05:30:00Z', '2026-11-01T04:30:00Z'],
  'Australia/Lord_Howe': ['2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z'],
  'Pacific/Apia': ['2011-12-30T10:00:00Z', '2011-04-02T14:00:00Z'],
};
const UNITS: Unit[] = ['none', 'hour', 'day', 'week', 'month'];
const HOUR_MS = 3_600_000;
const REACH_MS = 40 * 24 * HOUR_MS;

interface Event {
  timeMs: number;
  input: number;
  output: number;
  cost: bigint | null;
}

/** What the wire has of sums, to compare. */
function sumsOf(events: readonly Event[]) {
  const add = (value: (event: Event) => number) => events.reduce((sum, event) => sum + value(event), 0);
  return {
    requests: events.length,
    input_tokens: add(({ input }) => input),
    output_tokens: add(({ output }) => output),
    total_tokens: add(({ input, output }) => input + output),
    cost: decimalOf(events.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)),
    unpriced_requests: add(({ cost }) => (cost === null ? 1 : 0)),
  };
}

function picked({ requests, input_tokens, output_tokens, total_tokens, cost, unpriced_requests }: SumsAnswer) {
  return { requests, input_tokens, output_tokens, total_tokens, cost, unpriced_requests };
}

const eventNear = (changes: string[]) =>
  fc.record({
    timeMs: fc
      .tuple(
        fc.constantFrom(...changes),
        fc.oneof(fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }), fc.integer({ min: -REACH_MS, max: REACH_MS })),
      )
      .map(([change, offset]) => Math.min(Date.parse(change) + offset, Date.parse('2026-11-22T10:00:00Z'))),
    input: fc.integer({ min: 0, max: 1_000_000 }),
    output: fc.integer({ min: 0, max: 1_000_000 }),
    cost: fc.option(fc.bigInt({ min: 0n, max: 10n ** 21n }), { freq: 4 }),
  });

function toWire({ timeMs, input, output, cost }: Event) {
  return {
    provider: cost === null ? 'nobody' : EVENT.provider,
    model: cost === null ? 'unheard-of' : EVENT.model,
    timestamp: new Date(timeMs).toISOString(),
    input_tokens: input,
    output_tokens: output,
    ...(cost === null ? {} : { cost: decimalOf(cost) }),
  };
}

describe.each(Object.entries(CHANGES))('in %s', (zone, changes) => {
  let key: string;
  let events: Event[];
  const clamp = (timeMs: number) => Math.max(0, timeMs);

  beforeAll(async () => {
    key = (await makeOrganization(meterr())).key.secret;
    events = fc.sample(eventNear(changes), { numRuns: 400, seed: 42 });
    // On the very edges too: the first and last millisecond of quarters of an hour around each
    // change.
    for (const change of changes) {
      for (let quarter = -12; quarter <= 12; quarter++) {
        for (const ms of [-1, 0]) {
          const timeMs = Date.parse(change) + quarter * 15 * 60_000 + ms;
          if (timeMs <= Date.parse('2026-11-22T10:00:00Z')) events.push({ timeMs, input: 1, output: 2, cost: 3n });
        }
      }
    }
    await makeUsage(meterr(), key, events.map(toWire));
  });

  const range = () =>
    fc
      .tuple(
        fc.constantFrom(...changes),
        fc.integer({ min: -REACH_MS, max: REACH_MS }),
        fc.oneof(fc.integer({ min: 1, max: 2 * HOUR_MS }), fc.integer({ min: 1, max: REACH_MS })),
        // Aligned to a minute, a quarter of an hour, a day, or not at all.
        fc.constantFrom(1, 60_000, 15 * 60_000, 24 * HOUR_MS),
      )
      .map(([change, offset, length, step]) => {
        const start = Math.floor((Date.parse(change) + offset) / step) * step;
        return { start, end: start + Math.max(step, Math.floor(length / step) * step) };
      });

  it('data adds up to totals and both to the events, each event in its own unit, over any range', async () => {
    const { ok } = meterr();
    await fc.assert(
      fc.asyncProperty(range(), fc.constantFrom(...UNITS), fc.boolean(), async ({ start, end }, interval, grouped) => {
        const query = new URLSearchParams({
          start: new Date(start).toISOString(),
          end: new Date(end).toISOString(),
          timezone: zone,
          interval,
          ...(grouped ? { group_by: 'model' } : {}),
        });
        const answer = await ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key });
        const within = events.filter(({ timeMs }) => timeMs >= start && timeMs < end);
        expect(picked(answer.totals)).toEqual(sumsOf(within));

        // The oracle's groups: events by the name of their unit and by model.
        const expected = new Map<string, Event[]>();
        for (const event of within) {
          const model = event.cost === null ? 'unheard-of' : EVENT.model;
          const name = `${unitName(event.timeMs, interval, zone)} ${grouped ? model : ''}`;
          expected.set(name, [...(expected.get(name) ?? []), event]);
        }
        const seen = new Map<string, ReturnType<typeof picked>>();
        for (const group of answer.data) {
          const [from, to] = [Date.parse(group.start), Date.parse(group.end)];
          expect(from >= start && to <= end && from < to).toBe(true);
          const unit = unitName(from, interval, zone);
          // A unit ends where its name does: its last moment has the same name, and the one after
          // it has not.
          expect(unitName(to - 1, interval, zone)).toBe(unit);
          if (to < end) expect(unitName(to, interval, zone)).not.toBe(unit);
          if (from > start) expect(unitName(from - 1, interval, zone)).not.toBe(unit);
          seen.set(`${unit} ${group.group.model ?? ''}`, picked(group));
        }
        expect(seen.size).toBe(answer.data.length);
        expect(new Map([...seen].filter(([, sums]) => sums.requests > 0))).toEqual(
          new Map([...expected].map(([name, list]) => [name, sumsOf(list)])),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('any cut of a range adds up to it', async () => {
    const { ok } = meterr();
    const ask = async (start: number, end: number) => {
      const query = new URLSearchParams({
        start: new Date(start).toISOString(),
        end: new Date(end).toISOString(),
        timezone: zone,
      });
      return (await ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key })).totals;
    };
    await fc.assert(
      fc.asyncProperty(range(), fc.double({ min: 0, max: 1, noNaN: true }), async ({ start, end }, part) => {
        const middle = clamp(Math.floor(start + (end - start) * part));
        if (middle <= start || middle >= end) return;
        const [all, first, second] = await Promise.all([ask(start, end), ask(start, middle), ask(middle, end)]);
        expect(attoOf(first.cost) + attoOf(second.cost)).toBe(attoOf(all.cost));
        expect(first.requests + second.requests).toBe(all.requests);
      }),
      { numRuns: 15 },
    );
  });
});

it('user and tag groupings, read from the events, add up to what the rollups say', async () => {
  const { ok } = meterr();
  const { key } = await makeOrganization(meterr());
  const users = ['a', 'b', null];
  const events = Array.from({ length: 60 }, (_, i) => ({
    timestamp: new Date(Date.parse('2026-11-20T00:00:00Z') + i * 1_000_003).toISOString(),
    user_id: users[i % 3],
    tags: i % 4 === 0 ? { env: 'prod' } : { env: 'test', other: String(i % 2) },
    output_tokens: i,
  }));
  await makeUsage(meterr(), key.secret, events);
  const range = 'start=2026-11-20T00:07:01Z&end=2026-11-20T15:01:59.5Z';
  const plain = await ok<UsageSummaryAnswer>('GET', `/v1/usage?${range}`, { key: key.secret });
  expect(plain.totals.requests).toBeGreaterThan(40);
  for (const group_by of ['user', 'tag:env', 'tag:other', 'user,tag:env', 'model,user,tag:env', 'tag:nowhere']) {
    const query = `/v1/usage?${range}&group_by=${group_by}`;
    const answer = await ok<UsageSummaryAnswer>('GET', query, { key: key.secret });
    expect(answer.totals).toEqual(plain.totals);
    expect(answer.data.reduce((sum, { requests }) => sum + requests, 0)).toBe(plain.totals.requests);
  }
});
