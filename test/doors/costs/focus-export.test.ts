import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UsageSummaryAnswer } from '../../harness/answers.ts';
import { NEVER_MS, useTestApp } from '../../harness/app.ts';
import { expectFile, FILE_COLUMNS, type FileRow, parseCsv, readFile, sumOf } from '../../harness/focus-file.ts';
import { attoOf, decimalOf } from '../../harness/ledger.ts';
import { EVENT, makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { type LaterPricer, openLaterPricer } from '../../harness/price-later.ts';

const meterr = useTestApp({
  now: '2026-11-22T10:00:00.000Z',
  env: {
    METERR_PRICE_UNPRICED_LATER: 'false',
    METERR_EXCHANGE_RATES: 'EUR:0.8612@2026-11-21,JPY:151.234567@2026-11-20',
  },
  catalogLookMs: NEVER_MS,
});
const NDJSON = 'application/x-ndjson';
const DAY = '2026-11-20';
const at = (time: string) => ({ timestamp: `${DAY}T${time}Z` });
/** In `LATER_PRICES`: 0.0105 for 1,000 and 500 tokens. */
const UNHEARD_OF = { provider: 'nobody', model: 'unheard-of', input_tokens: 1000, output_tokens: 500 };
/** At 0.111 USD an hour: the price of a second is no whole number of 10^-18. */
const SPOKEN = { provider: 'groq', model: 'whisper-large-v3', input_tokens: 0, output_tokens: 0 };

interface ExportOptions {
  key: string;
  accept?: string;
}

async function exportRows(query: string, { key, accept = 'text/csv' }: ExportOptions): Promise<FileRow[]> {
  const answer = await meterr().rest('GET', `/v1/costs/export?${query}`, { key, headers: { accept } });
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers.get('content-type')).toContain(accept);
  return readFile(answer.text, answer.headers.get('content-type'));
}

const spanOf = (day: string) => `start=${day}T00:00:00Z&end=${new Date(Date.parse(day) + 86_400_000).toISOString()}`;
const pick = (rows: readonly FileRow[], ...names: string[]) => rows.map((row) => names.map((name) => row[name]));

describe('the FOCUS file', () => {
  let key: string;
  let team: { id: string; uuid: string; name: string };
  let pricer: LaterPricer;

  beforeAll(async () => {
    const organization = await makeOrganization(meterr(), { name: 'Acme' });
    key = organization.key.secret;
    team = await makeTeam(meterr(), organization);
    pricer = openLaterPricer(meterr().connectionString, Date.parse('2026-12-02T03:00:00Z'));
    const events = [
      { ...at('00:00:00'), tags: { env: 'prod', feature: 'chat' } },
      { ...at('10:00:00'), tags: { env: 'prod', feature: 'chat' } },
      { ...at('23:59:59.999'), tags: { env: 'test' }, team_id: team.id },
      { ...at('11:00:00'), cache_read_tokens: 400, service_tier: 'batch' },
      { ...at('12:00:00'), cost: '0.01' },
      { ...at('12:01:00'), cost: '0.0061' },
      { ...at('12:02:00'), cost: '0.0061' },
      { ...at('13:00:00'), ...SPOKEN, units: { input_audio_seconds: 7 } },
      { ...at('13:01:00'), ...SPOKEN, units: { input_audio_seconds: 11 } },
      { ...at('14:00:00'), ...UNHEARD_OF, provider: 'never-heard-of' },
      { ...at('15:00:00'), model: 'gpt-4o-mini', tags: { env: 'prod' } },
      { ...EVENT, timestamp: '2026-11-21T00:00:00Z' },
    ];
    const ids = await makeUsage(meterr(), key, events);
    await meterr().ok('POST', `/v1/usage/${ids[10]}/void`, { key, body: { reason: 'a test' } });
  });

  afterAll(() => pricer.close());

  it('keeps the rules of FOCUS 1.2, and has the same rows as CSV and as NDJSON', async () => {
    for (const query of ['', 'tag_keys=env,feature', 'tag_keys=nobody&currency=JPY', 'currency=EUR&tag_keys=env']) {
      const rows = await exportRows(query, { key });
      expect(rows.length).toBeGreaterThan(8);
      expectFile(rows);
      expect(await exportRows(query, { key, accept: NDJSON })).toEqual(rows);
    }
    const { text } = await meterr().rest('GET', '/v1/costs/export', { key });
    expect(parseCsv(text).columns).toEqual(FILE_COLUMNS);
  });

  it('has a row for each day, model, tier, team, unit and price, with its period, month and account', async () => {
    const rows = (await exportRows('model=gpt-4o', { key })).filter(({ SkuMeter }) => SkuMeter !== 'caller_cost');
    const names = [
      'ChargePeriodStart',
      'SkuMeter',
      'x_ServiceTier',
      'SubAccountName',
      'PricingQuantity',
      'ListUnitPrice',
      'BilledCost',
    ];
    const [first, second] = [`${DAY}T00:00:00Z`, '2026-11-21T00:00:00Z'];
    expect(pick(rows, ...names).toSorted()).toEqual(
      [
        [first, 'input_tokens', 'standard', null, '2000.0', '0.0000025', '0.005'],
        [first, 'output_tokens', 'standard', null, '1000.0', '0.00001', '0.01'],
        [first, 'input_tokens', 'standard', team.name, '1000.0', '0.0000025', '0.0025'],
        [first, 'output_tokens', 'standard', team.name, '500.0', '0.00001', '0.005'],
        ...pick(rows, ...names).filter(([, , tier]) => tier === 'batch'),
        [second, 'input_tokens', 'standard', null, '1000.0', '0.0000025', '0.0025'],
        [second, 'output_tokens', 'standard', null, '500.0', '0.00001', '0.005'],
      ].toSorted(),
    );
    expect(rows[0]).toMatchObject({
      BillingAccountName: 'Acme',
      BillingCurrency: 'USD',
      BillingPeriodStart: '2026-11-01T00:00:00Z',
      BillingPeriodEnd: '2026-12-01T00:00:00Z',
      ChargePeriodEnd: '2026-11-21T00:00:00Z',
      ProviderName: 'openai',
      ServiceName: 'gpt-4o',
      PricingUnit: 'Tokens',
      Tags: {},
      x_Unpriced: false,
    });
    expect(rows.find(({ SubAccountId }) => SubAccountId !== null)).toMatchObject({
      SubAccountId: team.id,
      SubAccountType: 'Team',
    });
  });

  it('tells rows apart by the tags that are asked for, and by no others', async () => {
    const rows = await exportRows(`tag_keys=env,feature&model=gpt-4o&${spanOf(DAY)}`, { key });
    const tagged = rows.filter(
      ({ SkuMeter, x_ServiceTier }) => SkuMeter === 'input_tokens' && x_ServiceTier === 'standard',
    );
    expect(pick(tagged, 'Tags', 'PricingQuantity')).toEqual([
      [{ env: 'test' }, '1000.0'],
      [{ env: 'prod', feature: 'chat' }, '2000.0'],
    ]);
  });

  it('has a cost that the caller gave with its requests as quantity, none lost to rounding', async () => {
    const rows = (await exportRows('model=gpt-4o', { key })).filter(({ SkuMeter }) => SkuMeter === 'caller_cost');
    expect(sumOf(rows)).toBe(attoOf('0.0222'));
    expect(pick(rows, 'PricingUnit', 'PricingQuantity', 'ListUnitPrice')).toEqual([['Requests', '3.0', '0.0074']]);
    const odd = await makeOrganization(meterr());
    await makeUsage(meterr(), odd.key.secret, [{ cost: '0.01' }, { cost: '0.01' }, { cost: '0' }]);
    const split = await exportRows('', { key: odd.key.secret });
    expect(pick(split, 'SkuMeter', 'PricingQuantity', 'ListUnitPrice')).toEqual([
      ['caller_cost', '1.0', '0.006666666666666666'],
      ['caller_cost', '2.0', '0.006666666666666667'],
    ]);
    expectFile(split);
  });

  it('writes a price that is no whole number of 10^-18 as two, so that price x quantity is the cost', async () => {
    const rows = await exportRows('provider=groq', { key });
    expect(sumOf(rows, 'PricingQuantity')).toBe(attoOf('18'));
    const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage?provider=groq', { key });
    expect(decimalOf(sumOf(rows))).toBe(totals.cost);
    expect(rows[0]).toMatchObject({ PricingUnit: 'Seconds', SkuMeter: 'input_audio_seconds' });
  });

  it('has unpriced usage with its quantities, a cost of 0.0 and x_Unpriced', async () => {
    const rows = await exportRows('provider=never-heard-of', { key });
    expect(pick(rows, 'SkuMeter', 'PricingQuantity', 'BilledCost', 'ListUnitPrice', 'x_Unpriced')).toEqual([
      ['input_tokens', '1000.0', '0.0', '0.0', true],
      ['output_tokens', '500.0', '0.0', '0.0', true],
    ]);
  });

  it('leaves out what was voided', async () => {
    expect(await exportRows('model=gpt-4o-mini', { key })).toEqual([]);
    const { text } = await meterr().rest('GET', '/v1/costs/export?model=gpt-4o-mini', { key });
    expect(parseCsv(text)).toEqual({ columns: FILE_COLUMNS, rows: [] });
  });

  it('cuts the charge period where the span begins or ends within a day', async () => {
    const query = `start=${DAY}T11:00:00Z&end=${DAY}T12:30:00.5Z&timezone=UTC`;
    expect((await meterr().rest('GET', `/v1/costs/export?${query}`, { key })).status).toBe(400);
    const rows = await exportRows(query.replace('&timezone=UTC', ''), { key });
    expect(new Set(pick(rows, 'ChargePeriodStart', 'ChargePeriodEnd').map(String))).toEqual(
      new Set([`${DAY}T11:00:00Z,${DAY}T12:30:01Z`]),
    );
    expectFile(rows);
  });

  it('converts costs and unit prices, and keeps those in USD beside them', async () => {
    for (const [currency, rate] of [
      ['EUR', '0.8612'],
      ['JPY', '151.234567'],
    ] as const) {
      const rows = await exportRows(`currency=${currency}`, { key });
      const inUsd = await exportRows('', { key });
      expectFile(rows);
      expect(sumOf(rows, 'PricingCurrencyEffectiveCost')).toBe(sumOf(inUsd));
      const exact = (sumOf(inUsd) * attoOf(rate)) / 10n ** 18n;
      const off = sumOf(rows) - exact;
      expect(off >= -30n && off <= 30n).toBe(true);
      expect(rows[0]).toMatchObject({ BillingCurrency: currency, PricingCurrency: 'USD', x_ExchangeRate: rate });
      const simple = rows.find(({ ListUnitPrice, SkuMeter }) => SkuMeter === 'input_tokens' && ListUnitPrice !== '0.0');
      const each = (attoOf(String(simple?.PricingCurrencyListUnitPrice)) * attoOf(rate)) / 10n ** 18n;
      expect(simple?.ListUnitPrice).toBe(decimalOf(each));
    }
    const refused = await meterr().rest('GET', '/v1/costs/export?currency=XXX', { key });
    expect(refused.error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path: 'currency' }] } });
    expect(refused.error?.message).toContain('EUR, JPY, USD'.split(', ')[0]);
  });

  it('has a cost that was changed after its month as a correction, and in the same month as the event itself', async () => {
    const organization = await makeOrganization(meterr());
    const own = organization.key.secret;
    const early = { ...UNHEARD_OF, id: 'early' };
    const [id] = await makeUsage(meterr(), own, [early]);
    const before = await exportRows('', { key: own });
    await pricer.makeKnown();
    await pricer.price();
    const rows = await exportRows('', { key: own });
    expectFile(rows);
    expect(rows.filter(({ ChargeClass }) => ChargeClass === null)).toEqual(before);
    expect(rows.filter(({ ChargeClass }) => ChargeClass !== null)).toEqual([
      expect.objectContaining({
        ChargeClass: 'Correction',
        SkuMeter: 'correction',
        ChargePeriodStart: '2026-11-22T00:00:00Z',
        BillingPeriodStart: '2026-11-01T00:00:00Z',
        BilledCost: '0.0105',
        PricingQuantity: null,
        ListUnitPrice: null,
        x_Unpriced: false,
      }),
    ]);
    await meterr().ok('POST', `/v1/usage/${id}/void`, { key: own, body: { reason: 'a test' } });
    expect(await exportRows('', { key: own })).toEqual([]);
  });

  it('neutralises cells that a spreadsheet would run, unless it is raw; numbers stay numbers', async () => {
    const own = (await makeOrganization(meterr(), { name: '=cmd' })).key.secret;
    await makeUsage(meterr(), own, [{ provider: '=sum(1)', model: '@x', cost: '0.5' }]);
    expect((await exportRows('', { key: own }))[0]).toMatchObject({
      BillingAccountName: "'=cmd",
      ProviderName: "'=sum(1)",
      ServiceName: "'@x",
      BilledCost: '0.5',
    });
    expect((await exportRows('raw=true', { key: own }))[0]).toMatchObject({
      ProviderName: '=sum(1)',
      ServiceName: '@x',
    });
    expect((await exportRows('', { key: own, accept: NDJSON }))[0]).toMatchObject({ ProviderName: '=sum(1)' });
  });

  it('shows a key that is bound to a team that team only, and wants costs:read', async () => {
    const {
      rows: [row],
    } = await meterr().sql.query('SELECT organization_id AS uuid FROM teams WHERE id = $1', [team.uuid]);
    const bound = await makeKey(meterr(), row, { scopes: ['costs:read'], team });
    expect(new Set(pick(await exportRows('', { key: bound.secret }), 'SubAccountId').flat())).toEqual(
      new Set([team.id]),
    );
    const blind = await makeKey(meterr(), row, { scopes: ['usage:read'] });
    expect(await meterr().rest('GET', '/v1/costs/export', { key: blind.secret })).toMatchObject({
      status: 403,
      error: { details: { required_scope: 'costs:read' } },
    });
  });

  it.each([
    ['format=focus-1.3', 'format'],
    ['interval=hour', 'interval'],
    ['tag_keys=a,b,c,d', 'tag_keys'],
    ['tag_keys=a,a', 'tag_keys'],
    ['tag_keys=a,,b', 'tag_keys'],
    ['tag_keys=', 'tag_keys'],
    ['start=2025-11-01T00:00:00Z&end=2026-11-02T00:00:00.001Z', 'end'],
    ['start=2026-11-02T00:00:00Z&end=2026-11-02T00:00:00Z', 'end'],
    ['start=yesterday', 'start'],
    ['team_id=team_00000000000000000000000000', 'team_id'],
    ['group_by=model', 'group_by'],
    ['currency=eur', 'currency'],
  ])('refuses %s and names the field', async (query, path) => {
    const refused = await meterr().rest('GET', `/v1/costs/export?${query}`, { key });
    expect(refused).toMatchObject({ status: 400, error: { code: 'invalid_request', details: { fields: [{ path }] } } });
  });

  it('takes a year, and refuses time whose single events retention has removed', async () => {
    const organization = await makeOrganization(meterr());
    const own = organization.key.secret;
    await makeUsage(meterr(), own);
    const year = 'start=2025-11-22T00:00:00Z&end=2026-11-23T00:00:00Z';
    expect(await exportRows(year, { key: own })).toHaveLength(2);
    await meterr().sql.query("UPDATE organizations SET retired_before = '2026-11-15T00:00:00Z' WHERE id = $1", [
      organization.uuid,
    ]);
    for (const query of [year, '', 'start=2026-11-14T23:59:59.999Z']) {
      const refused = await meterr().rest('GET', `/v1/costs/export?${query}`, { key: own });
      expect(refused).toMatchObject({ status: 400, error: { details: { fields: [{ path: 'start' }] } } });
      expect(refused.error?.message).toContain('2026-11-15T00:00:00Z');
    }
    expect(await exportRows('start=2026-11-15T00:00:00Z', { key: own })).toHaveLength(2);
  });
});
