import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { NEVER_MS, useTestApp } from '../harness/app.ts';
import { attoOfCell, expectFile, type FileRow, readFile, sumOf } from '../harness/focus-file.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import { openLaterPricer } from '../harness/price-later.ts';
import { reprice } from '../harness/reprice.ts';

const meterr = useTestApp({
  now: '2026-11-25T10:00:00.000Z',
  env: { METERR_PRICE_UNPRICED_LATER: 'false' },
  catalogLookMs: NEVER_MS,
});
const EVENTS = 200;
const NDJSON = { accept: 'application/x-ndjson' };
const FIRST_MS = Date.parse('2026-10-29T00:00:00Z');
const LAST_MS = Date.parse('2026-11-25T09:00:00Z');
/** Known from December on. */
const LATE = { provider: 'nobody', model: 'known-in-december' };
/** As finely as money goes, so that a rounded sum shows. */
const FINE_COST = fc.bigInt({ min: 0n, max: 10n ** 19n }).map(decimalOf);
/** Whose costs are changed after they were recorded. */
const ADJUSTED: ReadonlySet<unknown> = new Set(['nobody', 'google']);
const tokens = fc.integer({ min: 0, max: 300_000 });

const counted = fc.record({ input_tokens: tokens, output_tokens: tokens });
/** Every kind of event that is charged in a way of its own. */
const kinds: readonly fc.Arbitrary<object>[] = [
  counted.map((counts) => ({ provider: 'openai', model: 'gpt-4o', ...counts })),
  // Above 200,000 input tokens another rate holds.
  counted.map((counts) => ({ provider: 'google', model: 'gemini-2.5-pro', ...counts })),
  counted.map((counts) => ({
    ...counts,
    service_tier: 'batch',
    cache_read_tokens: Math.floor(counts.input_tokens / 3),
  })),
  counted.map((counts) => ({
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
    ...counts,
    cache_write_tokens: Math.floor(counts.input_tokens / 2),
  })),
  fc.tuple(counted, FINE_COST).map(([counts, cost]) => ({ ...counts, cost })),
  counted.map((counts) => ({ provider: 'nobody', model: 'unheard-of', ...counts })),
  counted.map((counts) => ({ ...LATE, ...counts })),
  counted.map((counts) => ({ provider: 'nobody', model: 'never-known', ...counts, units: { searches: 3 } })),
  fc.integer({ min: 1, max: 9_999 }).map((seconds) => ({
    provider: 'groq',
    model: 'whisper-large-v3',
    input_tokens: 0,
    output_tokens: 0,
    units: { input_audio_seconds: seconds },
  })),
  counted.map(({ output_tokens }) => ({
    provider: 'google',
    model: 'gemini-2.5-flash-image',
    input_tokens: 10,
    output_tokens: output_tokens + 1_290,
    units: { output_image_tokens: 1_290 },
  })),
  fc
    .integer({ min: 1, max: 100 })
    .map((searches) => ({ units: { storage_searches: searches, pages: undefined, searches: 1 } })),
  // Another model works within the answer, by its own price.
  tokens.map((input_tokens) => ({
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
    input_tokens: undefined,
    output_tokens: undefined,
    usage: {
      input_tokens: 100,
      output_tokens: 10,
      iterations: [{ type: 'advisor_message', model: 'claude-opus-4-7', input_tokens, output_tokens: 800 }],
    },
  })),
];

const eventOf = fc.record({
  kind: fc.oneof(...kinds),
  timeMs: fc.integer({ min: FIRST_MS, max: LAST_MS }),
  team: fc.integer({ min: 0, max: 2 }),
  tags: fc.record(
    { env: fc.constantFrom('prod', 'test'), feature: fc.constantFrom('chat', 'search', '=x') },
    { requiredKeys: [] },
  ),
  user: fc.constantFrom('ann', 'bob'),
  isVoided: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

describe('the file of costs', () => {
  let key: string;
  const filters = [
    '',
    'provider=openai',
    'model=claude-sonnet-4-5',
    'service_tier=batch',
    'tag[env]=prod',
    'user_id=ann',
  ];

  async function exportRows(query: string): Promise<FileRow[]> {
    const { text, status, headers } = await meterr().rest('GET', `/v1/costs/export?${query}`, { key, headers: NDJSON });
    expect(status, text).toBe(200);
    return readFile(text, headers.get('content-type'));
  }

  const spanOf = (startMs: number, endMs: number) =>
    `start=${new Date(startMs).toISOString()}&end=${new Date(endMs).toISOString()}`;
  const SPAN = { start: new Date(FIRST_MS).toISOString(), end: new Date(LAST_MS + 1).toISOString() };
  const WHOLE = spanOf(FIRST_MS, LAST_MS + 1);

  beforeAll(async () => {
    const organization = await makeOrganization(meterr());
    key = organization.key.secret;
    const teams = [await makeTeam(meterr(), organization), await makeTeam(meterr(), organization)];
    filters.push(`team_id=${teams[0]?.id}`, `team_id=${teams[1]?.id}&tag[feature]=chat`);
    const discount = (provider: string, discount_percent: string) =>
      meterr().ok('POST', '/v1/prices', { key, body: { provider, discount_percent, valid_from: SPAN.start } });
    await discount('anthropic', '33.3');
    const events = fc.sample(eventOf, { numRuns: EVENTS, seed: 7 });
    const ids = await makeUsage(
      meterr(),
      key,
      events.map(({ kind, timeMs, team, tags, user }) => ({
        ...kind,
        timestamp: new Date(timeMs).toISOString(),
        team_id: teams[team]?.id,
        user_id: user,
        tags,
      })),
    );
    const voidSome = async (parity: number) => {
      for (const [i, { isVoided }] of events.entries()) {
        if (!isVoided || i % 2 !== parity) continue;
        await meterr().ok('POST', `/v1/usage/${ids[i]}/void`, { key, body: { reason: 'a test' } });
      }
    };
    await voidSome(0);
    // A discount for November's events and, as corrections, October's.
    await discount('google', '12.5');
    await reprice(meterr(), key, { start: SPAN.start, end: SPAN.end, dry_run: false });
    // In November, which October's events are corrected in, and then in December.
    for (const [now, more] of [
      ['2026-11-25T09:30:00Z', []],
      ['2026-12-03T00:00:00Z', [LATE]],
    ] as const) {
      const pricer = openLaterPricer(meterr().connectionString, Date.parse(now));
      try {
        const units = [{ unit: 'input_tokens', price: '1.7', per: 1_000_000, tiers: [] }];
        await pricer.makeKnown(more.map((one) => ({ ...one, units })));
        await pricer.price();
      } finally {
        await pricer.close();
      }
    }
    await voidSome(1);
  });

  // `.ci/focus` has the validator of FOCUS read it.
  afterAll(async () => {
    const path = process.env.METERR_TEST_FOCUS_FILE;
    if (!path) return;
    const { text } = await meterr().rest('GET', `/v1/costs/export?${WHOLE}&tag_keys=env,feature`, { key });
    await writeFile(path, text);
  });

  it('keeps the rules of FOCUS, and has all kinds of rows', async () => {
    for (const tags of ['', '&tag_keys=env,feature', '&tag_keys=nobody']) {
      const rows = await exportRows(WHOLE + tags);
      expectFile(rows);
      const meters = new Set(rows.map(({ SkuMeter }) => SkuMeter));
      for (const meter of [
        'caller_cost',
        'correction',
        'cache_read_tokens',
        'input_audio_seconds',
        'output_image_tokens',
        'storage_searches',
      ]) {
        expect(meters).toContain(meter);
      }
      expect(rows.some(({ x_Unpriced }) => x_Unpriced)).toBe(true);
      expect(new Set(rows.filter(({ ChargeClass }) => ChargeClass).map(({ x_Model }) => x_Model))).toEqual(
        new Set(['unheard-of', LATE.model, 'gemini-2.5-pro', 'gemini-2.5-flash-image']),
      );
      expect(rows.some(({ SkuId, x_Model }) => x_Model === 'claude-sonnet-4-5' && String(SkuId).includes('opus'))).toBe(
        true,
      );
      expect(meters).not.toContain('computed_cost');
    }
  });

  it('adds up to the totals of the same span and filter, to the last digit, in any grouping', async () => {
    const question = fc.record({
      from: fc.integer({ min: FIRST_MS, max: LAST_MS }),
      length: fc.oneof(fc.integer({ min: 1, max: LAST_MS - FIRST_MS }), fc.integer({ min: 1, max: 86_400_000 })),
      filter: fc.integer({ min: 0, max: filters.length - 1 }),
      tags: fc.constantFrom('', '&tag_keys=env', '&tag_keys=feature,env'),
    });
    await fc.assert(
      fc.asyncProperty(question, async ({ from, length, filter, tags }) => {
        const query = `${spanOf(from, from + length)}&${filters[filter]}`;
        const rows = await exportRows(query + tags);
        expectFile(rows);
        const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key });
        expect(decimalOf(sumOf(rows))).toBe(totals.cost);
      }),
      { numRuns: 25, seed: 11 },
    );
  });

  it('adds up by day, by model, by team and by tag, too', async () => {
    const rows = await exportRows(`${WHOLE}&tag_keys=env`);
    const compare = async (groupBy: string, nameOf: (row: FileRow) => unknown) => {
      const path = `/v1/usage?${WHOLE}&interval=day&group_by=${groupBy}&limit=1000`;
      const { data } = await meterr().ok<UsageSummaryAnswer>('GET', path, { key });
      const totals = data.map(({ start, group, cost }) => [
        `${String(start).slice(0, 10)} ${Object.values(group)[0]}`,
        cost,
      ]);
      const days = Map.groupBy(rows, (row) => `${String(row.ChargePeriodStart).slice(0, 10)} ${nameOf(row)}`);
      const sums = [...days].map(([name, list]) => [name, decimalOf(sumOf(list))]);
      const paid = (list: unknown[][]) =>
        list
          .filter(([, cost]) => cost !== '0')
          .map(String)
          .toSorted();
      expect(paid(sums)).toEqual(paid(totals));
    };
    await compare('model', ({ x_Model }) => x_Model);
    await compare('provider', ({ ProviderName }) => ProviderName);
    await compare('service_tier', ({ x_ServiceTier }) => x_ServiceTier);
    await compare('tag:env', ({ Tags }) => Object(Tags).env ?? null);
    await compare('team', ({ SubAccountId }) => SubAccountId);
  });

  it('has of each unit what the breakdowns of the events have', async () => {
    const { text } = await meterr().rest('GET', `/v1/usage/export?${WHOLE}`, { key, headers: NDJSON });
    const events: UsageEventAnswer[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const standing = events.filter((event) => event.voids === null && event.voided_by === null);
    const add = (sums: Map<string, bigint[]>, name: string, quantity: bigint, cost: bigint) => {
      const [counted = 0n, paid = 0n] = sums.get(name) ?? [];
      sums.set(name, [counted + quantity, paid + cost]);
    };
    const expected = new Map<string, bigint[]>();
    for (const { provider, cost, cost_source, cost_breakdown } of standing) {
      if (cost === null || ADJUSTED.has(provider)) continue;
      if (cost_source === 'caller') add(expected, `${provider} caller_cost`, 1n, attoOf(cost));
      else
        for (const line of cost_breakdown)
          add(expected, `${provider} ${line.unit}`, BigInt(line.quantity), attoOf(line.amount));
    }
    const found = new Map<string, bigint[]>();
    for (const row of await exportRows(WHOLE)) {
      if (row.x_Unpriced || ADJUSTED.has(row.ProviderName)) continue;
      add(
        found,
        `${row.ProviderName} ${row.SkuMeter}`,
        attoOfCell(row.PricingQuantity) / 10n ** 18n,
        attoOfCell(row.BilledCost),
      );
    }
    expect(found).toEqual(expected);
  });
});
