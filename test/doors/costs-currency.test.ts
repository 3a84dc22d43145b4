import { beforeAll, describe, expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';

/** Rates that leave digits behind the 18th place, of amounts that have 18. */
const METERR_EXCHANGE_RATES = 'EUR:0.8612@2026-11-27,JPY:156.123456789012345678@2026-11-26';
const meterr = useTestApp({ env: { METERR_EXCHANGE_RATES } });
let organization: MadeOrganization;
const asOwner = () => ({ key: organization.key.secret });

interface Costs {
  currency: string;
  exchange: { rate: string; date: string; source: string } | null;
  total: string;
  previous: { total: string };
  change_percent: number | null;
  data: { group: object; cost: string; share: number | null }[];
  budgets: { limit: string; spent: string; percent: number }[];
}

const costs = (query = '') => meterr().ok<Costs>('GET', `/v1/costs?group_by=model${query}`, asOwner());

/** The amount by the rate, to the even one of the two nearest at 18 places: in whole numbers of 10^-36. */
function inCurrency(usd: string, rate: string): string {
  const UNIT = 10n ** 18n;
  const product = attoOf(usd) * attoOf(rate);
  const rest = ((product % UNIT) + UNIT) % UNIT;
  const floor = (product - rest) / UNIT;
  const isUp = 2n * rest > UNIT || (2n * rest === UNIT && floor % 2n !== 0n);
  return decimalOf(floor + (isUp ? 1n : 0n));
}

beforeAll(async () => {
  organization = await makeOrganization(meterr());
  await meterr().ok('POST', '/v1/budgets', {
    ...asOwner(),
    body: { name: 'All', amount: '10.000000000000000001', period: 'year', scope: {}, thresholds: [], action: 'alert' },
  });
  const cents = Array.from({ length: 9 }, (_, i) => ({ model: `m-${i % 3}`, cost: `0.00000000000000000${i + 1}` }));
  await makeUsage(meterr(), organization.key.secret, [
    ...cents,
    { model: 'm-0', cost: '6.333333333333333333' },
    { model: 'm-1', cost: '2.000000000000000001', timestamp: '2026-11-02T00:00:00Z' },
    { model: 'm-0', cost: '4.1', timestamp: '2026-10-02T00:00:00Z' },
  ]);
});

describe('costs in another currency', () => {
  it('are every amount by the rate, exactly and after summing; shares and percentages stay those of USD', async () => {
    const usd = await costs();
    expect(usd).toMatchObject({ currency: 'USD', exchange: null, previous: { total: '4.1' } });
    expect(await costs('&currency=USD')).toEqual(usd);
    for (const [currency, rate, date] of [
      ['EUR', '0.8612', '2026-11-27'],
      ['JPY', '156.123456789012345678', '2026-11-26'],
    ] as const) {
      const amountOf = (amount: string) => inCurrency(amount, rate);
      expect(await costs(`&currency=${currency}`)).toEqual({
        ...usd,
        currency,
        exchange: { rate, date, source: 'configuration' },
        total: amountOf(usd.total),
        previous: { ...usd.previous, total: amountOf(usd.previous.total) },
        data: usd.data.map((row) => ({ ...row, cost: amountOf(row.cost) })),
        budgets: usd.budgets.map((row) => ({ ...row, limit: amountOf(row.limit), spent: amountOf(row.spent) })),
      });
    }
    expect(usd.budgets).toMatchObject([{ limit: '10.000000000000000001', percent: 124.33 }]);
  });

  it('total what the sum of USD is, not the sum of rounded groups', async () => {
    const { total, data } = await costs('&currency=EUR');
    expect(total).toBe(inCurrency((await costs()).total, '0.8612'));
    const ofGroups = data.reduce((sum, { cost }) => sum + attoOf(cost), 0n);
    expect(ofGroups).not.toBe(attoOf(total));
    expect(ofGroups - attoOf(total)).toBeLessThanOrEqual(3n);
  });

  it('are the same in GraphQL, on trends too', async () => {
    const rest = await costs('&currency=EUR');
    const query = `{ costs(currency: "EUR", groupBy: [{dimension: MODEL}]) {
      currency exchange { rate date source } total data { cost trend(interval: MONTH) { cost } }
      budgets { limit spent } } }`;
    const { costs: answer } = await meterr().data<{ costs: Omit<Costs, 'data'> & { data: { trend: object[] }[] } }>(
      query,
      null,
      asOwner(),
    );
    expect(answer).toEqual({
      currency: 'EUR',
      exchange: rest.exchange,
      total: rest.total,
      data: rest.data.map(({ cost }) => ({ cost, trend: [{ cost }] })),
      budgets: rest.budgets.map(({ limit, spent }) => ({ limit, spent })),
    });
  });

  it.each(['GBP', 'eur', 'USDX', '__proto__'])(
    '%s, which has no rate, is refused with those there are',
    async (name) => {
      const fields = [{ path: 'currency', message: 'there is no rate for it; there are: USD, EUR, JPY' }];
      const { status, error } = await meterr().rest('GET', `/v1/costs?currency=${name}`, asOwner());
      expect([status, error?.code, error?.details.fields]).toEqual([400, 'invalid_request', fields]);
      const { error: refused } = await meterr().gql(`{ costs(currency: "${name}") { total } }`, null, asOwner());
      expect([refused?.code, refused?.details.fields]).toEqual(['invalid_request', fields]);
    },
  );

  it('are not asked for by an empty name, or twice', async () => {
    for (const query of ['currency=', 'currency=EUR&currency=JPY']) {
      const { status, error } = await meterr().rest('GET', `/v1/costs?${query}`, asOwner());
      expect([status, error?.details.fields?.[0]?.path]).toEqual([400, 'currency']);
    }
  });
});
