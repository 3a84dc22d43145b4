import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';
import { comparedAt, costOf, type Spent, within } from './costs-oracle.ts';

const meterr = useTestApp({ now: '2026-11-22T10:00:00.000Z', env: { METERR_EXCHANGE_RATES: 'XTS:2@2026-11-20' } });
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PERIODS = ['day', 'week', 'month', 'quarter', 'year'] as const;
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata'] as const;
/** Clock changes of these zones, a leap day, and ends of months, quarters and years. */
const MOMENTS = [
  '2026-03-29T01:00:00Z',
  '2025-10-26T01:00:00Z',
  '2026-03-08T07:00:00Z',
  '2026-04-04T15:00:00Z',
  '2024-02-29T12:00:00Z',
  '2025-12-31T18:30:00Z',
  '2026-03-31T22:00:00Z',
].map(Date.parse);

interface Costs {
  start: string;
  end: string;
  currency: string;
  total: string;
  previous: { start: string; end: string; total: string };
  change_percent: number | null;
  unpriced_requests: number;
  data: {
    group: Record<string, string | null>;
    other: boolean;
    cost: string;
    share: number | null;
    total_tokens: number;
    requests: number;
  }[];
}

let organization: MadeOrganization;
let events: Spent[];

const spent: fc.Arbitrary<Spent> = fc.record({
  timeMs: fc
    .tuple(
      fc.constantFrom(...MOMENTS),
      fc.constantFrom(0, -1, -7, -30, -31, -91, -365),
      fc.integer({ min: -50 * HOUR_MS, max: 50 * HOUR_MS }),
    )
    .map(([moment, days, offset]) => moment + days * DAY_MS + offset),
  provider: fc.constantFrom('one', 'two'),
  model: fc.constantFrom('m-0', 'm-1', 'm-2'),
  userId: fc.constantFrom('ann', 'bob', null),
  env: fc.constantFrom('prod', 'test', null),
  cost: fc.option(fc.bigInt({ min: 0n, max: 10n ** 19n }), { freq: 5 }),
  tokens: fc.integer({ min: 0, max: 10_000 }),
});

beforeAll(async () => {
  organization = await makeOrganization(meterr());
  events = fc.sample(spent, { numRuns: 600, seed: 42 });
  await makeUsage(
    meterr(),
    organization.key.secret,
    events.map(({ timeMs, provider, model, userId, env, cost, tokens }) => ({
      provider,
      model,
      user_id: userId,
      tags: env === null ? {} : { env },
      cost: cost === null ? null : decimalOf(cost),
      input_tokens: tokens,
      output_tokens: 1,
      timestamp: new Date(timeMs).toISOString(),
    })),
  );
});

/** `part` of `whole` with so many places, halves away from 0. */
function ratio(part: bigint, whole: bigint, places: number): number | null {
  if (whole === 0n) return null;
  const scale = 10n ** BigInt(places);
  const [top, bottom] = whole < 0n ? [-part, -whole] : [part, whole];
  const magnitude = ((top < 0n ? -top : top) * scale * 2n + bottom) / (bottom * 2n);
  const digits = magnitude.toString().padStart(places + 1, '0');
  return Number(`${top < 0n && magnitude > 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`);
}

const FILTERS: [query: string, matches: (event: Spent) => boolean][] = [
  ['', () => true],
  ['&provider=one', ({ provider }) => provider === 'one'],
  ['&model=m-1', ({ model }) => model === 'm-1'],
  ['&user_id=ann', ({ userId }) => userId === 'ann'],
  ['&tag.env=prod', ({ env }) => env === 'prod'],
  ['&tag[env]=test&model=m-0', ({ env, model }) => env === 'test' && model === 'm-0'],
];
const GROUPS: [query: string, nameOf: (event: Spent) => Record<string, string | null>][] = [
  ['', ({ provider }) => ({ provider })],
  ['&group_by=model', ({ model }) => ({ model })],
  ['&group_by=user,provider', ({ userId, provider }) => ({ user: userId, provider })],
  ['&group_by=tag:env,model,user', ({ env, model, userId }) => ({ 'tag:env': env, model, user: userId })],
];

it('costs are the sums over the events of the period, and of as much of the one before, in any zone', async () => {
  const question = fc.record({
    nowMs: fc
      .tuple(fc.constantFrom(...MOMENTS), fc.integer({ min: -30 * HOUR_MS, max: 30 * HOUR_MS }))
      .map(([moment, offset]) => moment + offset),
    period: fc.constantFrom(...PERIODS),
    zone: fc.constantFrom(...ZONES),
    filter: fc.constantFrom(...FILTERS),
    group: fc.constantFrom(...GROUPS),
    isDoubled: fc.boolean(),
  });
  const { clock, ok } = meterr();
  await fc.assert(
    fc.asyncProperty(question, async ({ nowMs, period, zone, filter, group, isDoubled }) => {
      clock.set(nowMs);
      const currency = isDoubled ? '&currency=XTS' : '';
      const query = `period=${period}&timezone=${zone}${filter[0]}${group[0]}${currency}`;
      const answer = await ok<Costs>('GET', `/v1/costs?${query}`, { key: organization.key.secret });
      const { current, previous } = comparedAt(nowMs, period, zone);
      const matching = events.filter(filter[1]);
      const [now, before] = [within(matching, current), within(matching, previous)];
      const rate = isDoubled ? 2n : 1n;
      const [total, past] = [costOf(now), costOf(before)];
      expect(answer).toMatchObject({
        start: new Date(current.startMs).toISOString(),
        end: new Date(current.endMs).toISOString(),
        currency: isDoubled ? 'XTS' : 'USD',
        total: decimalOf(total * rate),
        previous: {
          start: new Date(previous.startMs).toISOString(),
          end: new Date(previous.endMs).toISOString(),
          total: decimalOf(past * rate),
        },
        unpriced_requests: now.filter(({ cost }) => cost === null).length,
      });
      expect(answer.change_percent).toBe(ratio((total - past) * 100n, past, 2));
      const wanted = [...Map.groupBy(now, (event) => JSON.stringify(group[1](event)))].map(([name, list]) => ({
        group: JSON.parse(name),
        other: false,
        cost: decimalOf(costOf(list) * rate),
        share: ratio(costOf(list), total, 6),
        total_tokens: list.reduce((sum, { tokens }) => sum + tokens + 1, 0),
        requests: list.length,
      }));
      const byName = (rows: Costs['data']) => rows.map((row) => JSON.stringify(row)).sort();
      expect(byName(answer.data)).toEqual(byName(wanted));
      const amounts = answer.data.map(({ cost }) => attoOf(cost));
      expect(amounts).toEqual([...amounts].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
    }),
    { numRuns: 80 },
  );
});

it('a trend has a point for each interval that has begun, and they add up to the costs of the group', async () => {
  const question = fc.record({
    nowMs: fc.constantFrom(...MOMENTS),
    period: fc.constantFrom('MONTH', 'QUARTER'),
    zone: fc.constantFrom(...ZONES),
    interval: fc.constantFrom('DAY', 'WEEK', 'MONTH'),
    isByTag: fc.boolean(),
  });
  interface Point {
    start: string;
    end: string;
    cost: string;
    requests: number;
  }
  interface Answer {
    costs: { start: string; data: { group: { value: string | null }[]; cost: string; trend: Point[] }[] };
  }
  const query = `query ($period: CostPeriod, $zone: String, $interval: CostInterval, $groupBy: [UsageGroupBy!]) {
    costs(period: $period, timezone: $zone, groupBy: $groupBy, limit: 3) {
      start data { group { value } cost trend(interval: $interval) { start end cost requests } } } }`;
  await fc.assert(
    fc.asyncProperty(question, async ({ nowMs, isByTag, ...variables }) => {
      meterr().clock.set(nowMs);
      const groupBy = isByTag
        ? [{ dimension: 'TAG', key: 'env' }]
        : [{ dimension: 'MODEL' }, { dimension: 'PROVIDER' }];
      const { costs } = await meterr().data<Answer>(query, { ...variables, groupBy }, { key: organization.key.secret });
      for (const { cost, trend } of costs.data) {
        expect(trend.reduce((sum, point) => sum + attoOf(point.cost), 0n)).toBe(attoOf(cost));
        expect(trend[0]?.start).toBe(costs.start);
        // Joined, and up to now; what lies ahead is there only where something was used.
        const ahead = trend.findIndex((point) => Date.parse(point.start) > nowMs);
        const begun = ahead < 0 ? trend : trend.slice(0, ahead);
        expect(begun.slice(1).map(({ start }) => start)).toEqual(begun.slice(0, -1).map(({ end }) => end));
        expect(Date.parse(begun.at(-1)?.end ?? '')).toBeGreaterThan(nowMs);
        for (const point of ahead < 0 ? [] : trend.slice(ahead)) expect(point.requests).toBeGreaterThan(0);
      }
    }),
    { numRuns: 20 },
  );
});
