import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Context } from '../../src/domain/context.ts';
import { estimateCost } from '../../src/domain/costs/estimate-cost.ts';
import { readCatalog } from '../../src/domain/pricing/catalog/read-catalog.ts';
import type { Price } from '../../src/domain/pricing/price/price.ts';
import { USAGE_UNITS } from '../../src/domain/pricing/price/usage-units.ts';
import type { UsageInput } from '../../src/domain/usage/event/usage-input.ts';
import { recordUsageBatch } from '../../src/domain/usage/record-usage-batch.ts';
import { addDecimals, makeAlias, makePrice, tokenUnits } from '../doors/prices/price-answers.ts';
import type { ListAnswer, UsageEventAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { openTestDomain, type TestDomain } from '../harness/domain.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { anyCounts } from '../pure/pricing/pricing-counts.ts';

const meterr = useTestApp();
const NOW_MS = Date.parse(DEFAULT_NOW);
const SEED = 73;
const BATCH = 1_000;
const OURS = [
  { provider: 'azure', model: 'our-deployment' },
  { provider: 'openai', model: 'our-discounted' },
] as const;
let organization: MadeOrganization;
let domain: TestDomain;
let context: Context;

/** Prices, discounts and aliases for some of the catalog's names, the rest pay what it says. */
async function makeOwn(): Promise<void> {
  const own = (body: object) => makePrice(meterr(), organization, body);
  await own({ provider: 'anthropic', model: undefined, discount_percent: '12.345678901' });
  await own({ provider: 'google', model: 'gemini-', match: 'prefix', discount_percent: '7', service_tier: 'batch' });
  await own({ provider: 'openai', model: 'gpt-4', match: 'prefix', units: tokenUnits('1.234567890123', '5') });
  await own({ model: 'gpt-4o', discount_percent: '33.333333333333333333', valid_from: '2026-11-01T00:00:00Z' });
  await own({ provider: 'aws', model: 'amazon.', match: 'prefix', discount_percent: '100' });
  await makeAlias(meterr(), organization, {
    ...OURS[0],
    target_provider: 'anthropic',
    target_model: 'claude-sonnet-4-5',
  });
  await makeAlias(meterr(), organization, { ...OURS[1], target_model: 'gpt-4o' });
}

beforeAll(async () => {
  organization = await makeOrganization(meterr(), { retentionDays: 36_500 });
  await makeOwn();
  domain = await openTestDomain({ connectionString: meterr().connectionString });
  context = await domain.contextOf(organization);
});
afterAll(() => domain.close());

/** A time at which the sheet is in force, unless that is in the future. */
const timeOf = ({ validTo }: Price) => Math.min(NOW_MS, (validTo ?? Number.POSITIVE_INFINITY) - 1);

/** What is no token and no part of anything but pages: one of each that the sheet charges. */
function unitsOf({ units }: Price): Record<string, number> | null {
  const names = units.map(({ unit }) => unit).filter((unit) => USAGE_UNITS.some((one) => one.unit === unit));
  const counted = names.filter((unit) => !unit.endsWith('_tokens') && unit !== 'requests');
  if (counted.includes('input_annotated_document_pages')) counted.push('input_document_pages');
  return counted.length === 0 ? null : Object.fromEntries(counted.map((unit) => [unit, 7]));
}

/** One event for each sheet of the catalog. */
function eventsOf(prices: readonly Price[]): UsageInput[] {
  const counts = fc.sample(anyCounts, { numRuns: prices.length, seed: SEED });
  return prices.map((price, at) => ({
    ...{ id: `sheet-${at}`, provider: price.provider, model: price.model, ...counts[at] },
    ...{ serviceTier: price.serviceTier, timestamp: new Date(timeOf(price)), units: unitsOf(price) },
  }));
}

type Costs = Pick<UsageEventAnswer, 'cost' | 'cost_source' | 'price_id' | 'unpriced_reason' | 'cost_breakdown'>;
const costsOf = ({ cost, cost_source, price_id, unpriced_reason, cost_breakdown }: Costs): Costs => ({
  cost,
  cost_source,
  price_id,
  unpriced_reason,
  cost_breakdown: cost_breakdown.map(({ unit, quantity, unit_price, amount }) => ({
    unit,
    quantity,
    unit_price,
    amount,
  })),
});

it('what is estimated is what is recorded, and its parts add up to it, for every sheet of the catalog', async () => {
  const { prices } = await readCatalog();
  const inputs = eventsOf(prices);
  const estimates = new Map<
    string,
    { cost: string | null; amounts: string[]; lines: number; priceId: string | null }
  >();
  for (const input of inputs) {
    const { cost, costBreakdown, priceId } = await estimateCost(context, input);
    const amounts = costBreakdown.map(({ amount }) => amount);
    estimates.set(input.id ?? '', { cost, amounts, lines: amounts.length, priceId });
  }
  for (let at = 0; at < inputs.length; at += BATCH) {
    const { created } = await recordUsageBatch(context, inputs.slice(at, at + BATCH));
    expect(created).toBe(Math.min(BATCH, inputs.length - at));
  }
  const { rows } = await domain.sql.query<{ event_id: string; cost: string | null; price_id: string | null }>(
    'SELECT event_id, trim_scale(cost)::text AS cost, price_id FROM usage_events WHERE organization_id = $1',
    [organization.uuid],
  );
  expect(rows.length).toBe(inputs.length);
  let own = 0;
  for (const { event_id, cost, price_id } of rows) {
    const estimate = estimates.get(event_id);
    expect([event_id, cost, price_id]).toEqual([event_id, estimate?.cost, estimate?.priceId]);
    if (cost !== null) expect([event_id, addDecimals(estimate?.amounts ?? [])]).toEqual([event_id, cost]);
    if (price_id !== null && !prices.some(({ id }) => id === price_id)) own++;
  }
  expect(rows.filter(({ cost }) => cost !== null).length).toBeGreaterThan(rows.length * 0.95);
  expect(own).toBeGreaterThan(100);
});

it('a sample of them is answered so by the doors, with own prices, discounts and aliases among them', async () => {
  const { prices } = await readCatalog();
  const named = new Map(prices.map((price) => [price.provider, price]));
  const some = [...named.values()].slice(0, 25).map(({ provider, model }) => ({ provider, model }));
  const mixed = [
    ...['gpt-4o', 'gpt-4-turbo'].map((model) => ({ provider: 'openai', model })),
    ...[
      { provider: 'anthropic', model: 'claude-sonnet-4-5' },
      { provider: 'aws', model: 'amazon.nova-lite-v1:0' },
    ],
    ...[{ provider: 'google', model: 'gemini-2.5-pro', service_tier: 'batch' }, ...OURS],
  ];
  const sources = new Set<string>();
  const { secret: key } = organization.key;
  for (const [at, event] of [...some, ...mixed].entries()) {
    const body = { ...event, input_tokens: 1_001 + at, output_tokens: 333, cache_read_tokens: 7, reasoning_tokens: 3 };
    const estimate = await meterr().ok<UsageEventAnswer>('POST', '/v1/costs/estimate', { key, body });
    const recorded = await meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key, body });
    expect(costsOf(recorded)).toEqual(costsOf(estimate));
    if (recorded.cost !== null)
      expect(addDecimals(recorded.cost_breakdown.map(({ amount }) => amount))).toBe(recorded.cost);
    sources.add(`${recorded.cost_source} ${event.provider}`);
  }
  for (const provider of ['openai', 'anthropic', 'aws', 'google', 'azure'])
    expect(sources).toContain(`override ${provider}`);
  const page = await meterr().ok<ListAnswer<UsageEventAnswer>>('GET', '/v1/usage/history?limit=1000', { key });
  for (const { cost, cost_breakdown } of page.data) {
    if (cost !== null) expect(addDecimals(cost_breakdown.map(({ amount }) => amount))).toBe(cost);
  }
});
