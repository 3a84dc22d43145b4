import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCatalog, loadPriceBook } from '../../src/domain/pricing/book/load-price-book.ts';
import { adjustUsage } from '../../src/domain/usage/adjust/adjust-usage.ts';
import { priceAgain } from '../../src/domain/usage/adjust/price-again.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { parseId } from '../../src/platform/ids.ts';
import { addDecimals, makeAlias, makePrice, tokenUnits } from '../doors/prices/price-answers.ts';
import type { ListAnswer, UsageEventAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { type LaterPricer, openLaterPricer } from '../harness/price-later.ts';
import { waitUntil } from '../harness/wait-until.ts';

// What happens to events after they were recorded: a price becomes known later, the catalog changes, a cost is
// worked out again. A second process does it, which reads the prices from the database.

const CATALOG_LOOK_MS = 20;
const meterr = useTestApp({ env: { METERR_PRICE_UNPRICED_LATER: 'false' }, catalogLookMs: CATALOG_LOOK_MS });
let pricer: LaterPricer;
const HOUR_AGO = '2026-11-22T09:00:00.000Z';

beforeAll(() => {
  pricer = openLaterPricer(meterr().connectionString, Date.parse(DEFAULT_NOW));
});
afterAll(() => pricer.close());

const record = ({ key }: MadeOrganization, body: object = {}) =>
  meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key: key.secret, body: { ...EVENT, ...body } });
const get = ({ key }: MadeOrganization, id: string) =>
  meterr().ok<UsageEventAnswer>('GET', `/v1/usage/${id}`, { key: key.secret });
const reverse = ({ key }: MadeOrganization, id: string) =>
  meterr().ok<UsageEventAnswer>('POST', `/v1/usage/${id}/void`, { key: key.secret, body: { reason: 'a test' } });
const end = ({ key }: MadeOrganization, id: string) => meterr().ok('DELETE', `/v1/prices/${id}`, { key: key.secret });
const sumOf = ({ cost_breakdown }: UsageEventAnswer) => addDecimals(cost_breakdown.map(({ amount }) => amount));

/** Works the costs of events out again, as of what is in the database. */
async function priceEventsAgain({ uuid }: MadeOrganization, ids: readonly string[]): Promise<number> {
  const { database } = pricer.resources;
  const book = await loadPriceBook(database.pool, await loadCatalog(database.pool));
  const uuids = ids.map((id) => parseId('usageEvent', id) ?? '');
  const price = (event: Parameters<typeof priceAgain>[1]) => priceAgain(book, event);
  return adjustUsage(pricer.resources, { organizationId: uuid, ids: uuids, reason: 'priced_later', price });
}

it('an unpriced event gets an own price, an alias’s or a discounted one of its own time when prices are looked at again', async () => {
  const mine = await makeOrganization(meterr());
  const events = [];
  for (const model of ['ours', 'aliased', 'too-late']) events.push(await record(mine, { model, timestamp: HOUR_AGO }));
  expect(events.map(({ cost }) => cost)).toEqual([null, null, null]);
  const own = await makePrice(meterr(), mine, { model: 'ours', units: tokenUnits('1', '1') });
  const discount = await makePrice(meterr(), mine, { model: undefined, discount_percent: '10' });
  await makeAlias(meterr(), mine, { model: 'aliased', target_model: 'gpt-4o' });
  await makePrice(meterr(), mine, { model: 'too-late', units: tokenUnits('1', '1'), valid_from: DEFAULT_NOW });
  expect(await pricer.price()).toBe(2);
  const [first, second, third] = await Promise.all(events.map(({ id }) => get(mine, id)));
  expect(first).toMatchObject({ cost: '0.0015', cost_source: 'override', price_id: own.id, unpriced_reason: null });
  expect(second).toMatchObject({ cost: '0.00675', cost_source: 'override', price_id: discount.id });
  expect(third).toMatchObject({ cost: null });
  for (const event of [first, second]) expect(event && sumOf(event)).toBe(event?.cost);
  const reversed = await reverse(mine, second?.id ?? '');
  expect([reversed.cost, sumOf(reversed)]).toEqual(['-0.00675', '-0.00675']);
  expect(await verifyUsage(pricer.resources.database)).toEqual([]);
});

it('a cost that is worked out again says what it is made of, from a discount to a price and back', async () => {
  const mine = await makeOrganization(meterr());
  const discount = await makePrice(meterr(), mine, { discount_percent: '33.333333333333333333' });
  const event = await record(mine, { timestamp: HOUR_AGO, input_tokens: 1_001 });
  const own = await makePrice(meterr(), mine, { units: tokenUnits('1', '1') });
  expect(await priceEventsAgain(mine, [event.id])).toBe(1);
  const changed = await get(mine, event.id);
  expect(changed).toMatchObject({ cost: '0.001501', original_cost: event.cost, price_id: own.id });
  expect(sumOf(changed)).toBe(changed.cost);
  const newer = await makePrice(meterr(), mine, { discount_percent: '50' });
  expect(await priceEventsAgain(mine, [event.id])).toBe(1);
  const again = await get(mine, event.id);
  expect(again).toMatchObject({ cost: '0.00375125', price_id: newer.id });
  expect(sumOf(again)).toBe(again.cost);
  expect(await priceEventsAgain(mine, [event.id])).toBe(0);
  // Ended now, they charge what was used before.
  for (const { id } of [discount, own, newer]) await end(mine, id);
  expect(await priceEventsAgain(mine, [event.id])).toBe(0);
  const { data } = await meterr().ok<ListAnswer<UsageEventAnswer>>('GET', '/v1/usage/history', {
    key: mine.key.secret,
  });
  expect(data[0]?.cost_breakdown).toEqual(again.cost_breakdown);
  const reversed = await reverse(mine, event.id);
  expect([reversed.cost, sumOf(reversed)]).toEqual([`-${again.cost}`, `-${again.cost}`]);
});

it('a discount is of the catalog’s price at the event’s time: a newer catalog changes neither what was charged nor its parts', async () => {
  const mine = await makeOrganization(meterr());
  const made = await makePrice(meterr(), mine, { discount_percent: '10' });
  const before = await record(mine, { timestamp: '2026-11-20T10:00:00Z' });
  expect(before.cost).toBe('0.00675');
  const units = ['input_tokens', 'output_tokens'].map((unit) => ({ unit, price: '20', per: 1_000_000, tiers: [] }));
  const [sheet] = (await loadCatalog(pricer.resources.database.pool)).prices.filter(
    ({ provider, model }) => provider === 'openai' && model === 'gpt-4o',
  );
  await pricer.makeKnown([{ provider: 'openai', model: 'gpt-4o', match: sheet?.match ?? { equals: 'gpt-4o' }, units }]);
  const { prices } = await loadCatalog(pricer.resources.database.pool);
  expect(prices.some(({ model, units: now }) => model === 'gpt-4o' && now[0]?.price === '20')).toBe(true);
  let after = before;
  await waitUntil('the newer catalog charges', async () => {
    after = await record(mine);
    return after.cost === '0.027';
  });
  expect(after).toMatchObject({ cost: '0.027', price_id: made.id });
  expect((await record(mine, { timestamp: '2026-11-20T10:00:00Z' })).cost).toBe(before.cost);
  const kept = await get(mine, before.id);
  expect(kept).toMatchObject({ cost: '0.00675', cost_breakdown: before.cost_breakdown });
});
