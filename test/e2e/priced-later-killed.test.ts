import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import type { UsageSummaryAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, NEVER_MS, useTestApp } from '../harness/app.ts';
import { blockWriters } from '../harness/domain.ts';
import { makeOrganization, makeUsage } from '../harness/make.ts';
import { type LaterPricer, openLaterPricer } from '../harness/price-later.ts';
import { startNode } from '../harness/processes/node-process.ts';

const meterr = useTestApp({ env: { METERR_PRICE_UNPRICED_LATER: 'false' }, catalogLookMs: NEVER_MS });
const NOW_MS = Date.parse(DEFAULT_NOW);
/** More than one transaction prices. */
const EVENTS = 700;
let pricer: LaterPricer;

beforeAll(() => {
  pricer = openLaterPricer(meterr().connectionString, NOW_MS);
});

afterAll(() => pricer.close());

const startPricing = () =>
  startNode('test/harness/processes/price-later.ts', {
    DATABASE_URL: meterr().connectionString,
    NOW_MS: String(NOW_MS),
  });

it('a job that prices events, killed in the middle, misses and doubles none when it runs again', async () => {
  const made = [await makeOrganization(meterr()), await makeOrganization(meterr())];
  const [first, second] = made.toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1));
  if (!first || !second) throw new Error('there are two organizations');
  const events = Array.from({ length: EVENTS }, () => ({ provider: 'nobody', model: 'unheard-of', user_id: 'ann' }));
  for (const { key } of made) {
    const rule = { name: 'Watched', period: 'month', amount: '1', per: 'user' };
    await meterr().ok('POST', '/v1/budgets', { key: key.secret, body: rule });
    await makeUsage(meterr(), key.secret, events);
  }
  await pricer.makeKnown();
  const pricedOf = async (organizations: string[]) => {
    const query =
      'SELECT count(*)::int AS count FROM usage_events WHERE organization_id = ANY ($1) AND adjusts_id IS NOT NULL';
    return (await meterr().sql.query(query, [organizations])).rows[0].count;
  };

  // It prices the first organization, and stands in a transaction for the second.
  const blockade = await blockWriters(meterr().sql, second.uuid);
  const killed = startPricing();
  await blockade.waiting(1);
  expect(await pricedOf([first.uuid])).toBe(EVENTS);
  killed.signal('SIGKILL');
  expect(await killed.ended).toBe(null);
  await blockade.release();
  expect(await pricedOf([second.uuid])).toBe(0);

  const again = [startPricing(), startPricing()];
  expect(await Promise.all(again.map(({ ended }) => ended))).toEqual([0, 0]);
  const counts = again.map((job) => Number(/priced (\d+)/.exec(job.output())?.[1]));
  expect(counts.reduce((a, b) => a + b)).toBe(EVENTS);
  expect(await pricedOf([first.uuid, second.uuid])).toBe(2 * EVENTS);
  for (const { key } of made) {
    const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage', { key: key.secret });
    expect(totals).toMatchObject({ requests: EVENTS, cost: '7.35', unpriced_requests: 0 });
  }
  expect(await verifyUsage(pricer.resources.database)).toEqual([]);
  expect(await verifyBudgets(pricer.resources.database)).toEqual([]);
});
