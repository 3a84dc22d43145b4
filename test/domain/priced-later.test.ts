import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyCredits } from '../../src/domain/credits/verify-credits.ts';
import { adjustUsage } from '../../src/domain/usage/adjust/adjust-usage.ts';
import { priceUnpricedUsage } from '../../src/domain/usage/adjust/price-unpriced-usage.ts';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { retireUsage } from '../../src/domain/usage/upkeep/retire-usage.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { parseId } from '../../src/platform/ids.ts';
import { readEvents, wordOf } from '../doors/budget-answers.ts';
import type { BatchAnswer, SumsAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, NEVER_MS, useTestApp } from '../harness/app.ts';
import { blockWriters } from '../harness/domain.ts';
import { type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { type LaterPricer, openLaterPricer } from '../harness/price-later.ts';

// A server, and two processes more that price events later, on one database.

const meterr = useTestApp({
  env: { METERR_OPERATOR_KEY: OPERATOR_KEY, METERR_PRICE_UNPRICED_LATER: 'false' },
  catalogLookMs: NEVER_MS,
});
const pricers: LaterPricer[] = [];
const NOW_MS = Date.parse(DEFAULT_NOW);
const EARLY = { provider: 'nobody', model: 'unheard-of' };
/** `EARLY` with the counts of `EVENT`, by `LATER_PRICES`. */
const COST = '0.0105';

beforeAll(async () => {
  for (let i = 0; i < 2; i++) pricers.push(openLaterPricer(meterr().connectionString, NOW_MS));
  await pricers[0]?.makeKnown();
});

afterAll(() => Promise.all(pricers.map((pricer) => pricer.close())));

const pricer = (n = 0) => pricers[n] as LaterPricer;
const priceByBoth = async () => (await Promise.all(pricers.map(({ price }) => price()))).reduce((a, b) => a + b);
const record = ({ key }: MadeOrganization, events: readonly object[]) =>
  makeUsage(
    meterr(),
    key.secret,
    events.map((event) => ({ ...EARLY, ...event })),
  );
const getEvent = ({ key }: MadeOrganization, id: string) =>
  meterr().ok<UsageEventAnswer>('GET', `/v1/usage/${id}`, { key: key.secret });
const reverse = ({ key }: MadeOrganization, id: string) =>
  meterr().ok<UsageEventAnswer>('POST', `/v1/usage/${id}/void`, { key: key.secret, body: { reason: 'a test' } });
const ask = <T>({ key }: MadeOrganization, path: string) => meterr().ok<T>('GET', path, { key: key.secret });
const totalsOf = async (organization: MadeOrganization): Promise<SumsAnswer> =>
  (await ask<UsageSummaryAnswer>(organization, '/v1/usage?start=2026-09-01T00:00:00Z')).totals;

async function verifyAll() {
  const { database } = pricer().resources;
  return [...(await verifyUsage(database)), ...(await verifyBudgets(database)), ...(await verifyCredits(database))];
}

async function countAdjustments({ uuid }: MadeOrganization): Promise<number> {
  const { rows } = await meterr().sql.query(
    'SELECT count(*)::int AS count FROM usage_events WHERE organization_id = $1 AND adjusts_id IS NOT NULL',
    [uuid],
  );
  return rows[0].count;
}

describe('many unpriced events', () => {
  it('are priced by two processes at once, each once, in several transactions', async () => {
    const organization = await makeOrganization(meterr());
    const events = Array.from({ length: 1_234 }, (_, i) => ({ timestamp: new Date(NOW_MS - i * 600_000) }));
    await record(organization, events);
    expect(await priceByBoth()).toBe(1_234);
    expect(await countAdjustments(organization)).toBe(1_234);
    expect(await totalsOf(organization)).toMatchObject({ requests: 1_234, unpriced_requests: 0, cost: '12.957' });
    expect(await verifyAll()).toEqual([]);
  });

  it('keep what callers gave, and stay unpriced where the model is not known or told no counts', async () => {
    const organization = await makeOrganization(meterr());
    const [given = '', unknown = '', silent = ''] = await record(organization, [
      { cost: '7' },
      { model: 'never heard of' },
      {},
    ]);
    await meterr().sql.query("UPDATE usage_events SET unpriced_reason = 'no_usage_reported' WHERE id = $1", [
      parseId('usageEvent', silent),
    ]);
    expect(await priceByBoth()).toBe(0);
    const costs = await Promise.all([given, unknown, silent].map((id) => getEvent(organization, id)));
    expect(costs.map(({ cost }) => cost)).toEqual(['7', null, null]);
  });

  it('are charged as recording charges: units, the served model, the price at their own time', async () => {
    const organization = await makeOrganization(meterr());
    const perMillion = (unit: string, price: string) => ({ unit, price, per: 1_000_000, tiers: [] });
    const units = [perMillion('input_tokens', '1'), perMillion('output_tokens', '2')];
    const searched = [...units, { unit: 'searches', price: '5', per: 1_000, tiers: [] }];
    const from = Date.parse('2026-11-15T00:00:00Z');
    const dear = [perMillion('input_tokens', '10'), perMillion('output_tokens', '20')];
    const body = {
      id: 'chatcmpl-AbCdEf123',
      object: 'chat.completion',
      model: 'served',
      choices: [],
      usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 },
    };
    const ids = await record(organization, [
      { model: 'searcher', units: { searches: 2 } },
      { model: 'asked', usage: body, input_tokens: undefined, output_tokens: undefined },
      { model: 'dated', timestamp: new Date(from - 1) },
      { model: 'dated', timestamp: new Date(from) },
    ]);
    const costs = async () =>
      Promise.all(ids.map(async (id) => (await getEvent(organization, id)).cost_breakdown.map(({ amount }) => amount)));
    expect(await costs()).toEqual([[], [], [], []]);
    const provider = 'nobody';
    await pricer().makeKnown([
      { provider, model: 'searcher', units: searched },
      { provider, model: 'served', units },
      { provider, model: 'dated', units, validTo: from },
      { provider, model: 'dated', units: dear, validFrom: from },
    ]);
    expect(await priceByBoth()).toBe(4);
    expect(await costs()).toEqual([
      ['0.001', '0.001', '0.01'],
      ['0.001', '0.001'],
      ['0.001', '0.001'],
      ['0.01', '0.01'],
    ]);
    expect(await totalsOf(organization)).toMatchObject({ cost: '0.036', unpriced_requests: 0 });
    for (const id of ids) await reverse(organization, id);
    expect(await totalsOf(organization)).toMatchObject({ requests: 0, cost: '0', unpriced_requests: 0 });
    expect(await verifyAll()).toEqual([]);
  });

  it('are looked at once for each catalog, and not at all where that is switched off', async () => {
    const organization = await makeOrganization(meterr());
    await record(organization, [{}]);
    const { resources } = pricer();
    expect(await priceUnpricedUsage({ ...resources, config: { priceUnpricedLater: false } })).toBe(0);
    const sql = meterr().sql;
    // Others may still price by the catalog before: what they record is looked at again.
    await sql.query('UPDATE catalog_versions SET priced_later_at = NULL');
    expect(await priceUnpricedUsage(resources)).toBe(1);
    await record(organization, [{}]);
    expect(await priceUnpricedUsage(resources)).toBe(1);
    await sql.query("UPDATE catalog_versions SET imported_at = imported_at - interval '6 minutes'");
    await record(organization, [{}]);
    expect(await priceUnpricedUsage(resources)).toBe(1);
    await record(organization, [{}]);
    expect(await priceUnpricedUsage(resources)).toBe(0);
    expect(await pricer().price()).toBe(1);
  });
});

describe('a void and a price at the same time', () => {
  async function inTurn(first: 'void' | 'price') {
    const organization = await makeOrganization(meterr());
    const [id = ''] = await record(organization, [{ user_id: 'ann' }]);
    const work = { void: () => reverse(organization, id), price: () => pricer().price() };
    const blockade = await blockWriters(meterr().sql, organization.uuid);
    const [one, two] = first === 'void' ? [work.void, work.price] : [work.price, work.void];
    const begun: Promise<unknown>[] = [one()];
    await blockade.waiting(1);
    begun.push(two());
    await blockade.waiting(2);
    await blockade.release();
    await Promise.all(begun);
    return { organization, event: await getEvent(organization, id) };
  }

  it.each(['void', 'price'] as const)('come to nothing, unpriced requests too, when the %s is first', async (first) => {
    const { organization, event } = await inTurn(first);
    expect(event.cost).toBe(first === 'void' ? null : COST);
    const back = await getEvent(organization, event.voided_by ?? '');
    expect(back.cost).toBe(first === 'void' ? null : `-${COST}`);
    expect(await totalsOf(organization)).toMatchObject({ requests: 0, cost: '0', unpriced_requests: 0 });
    expect(await ask(organization, '/v1/usage?group_by=user')).toMatchObject({ data: [] });
    expect(await verifyAll()).toEqual([]);
  });

  it('have one entry in the audit log, with the cost that was taken back', async () => {
    const { organization } = await inTurn('price');
    const { data } = await ask<{ data: object[] }>(organization, '/v1/audit-log?action=usage.voided');
    expect(data).toMatchObject([{ before: { cost: COST } }]);
  });
});

describe('an event that is adjusted again', () => {
  it('lists both changes in their order, and is taken back with all of them', async () => {
    const organization = await makeOrganization(meterr());
    const [id = ''] = await record(organization, [{}]);
    await pricer().price();
    const asked = { organizationId: organization.uuid, ids: [parseId('usageEvent', id) ?? ''] };
    const to = (cost: bigint) => ({
      ...asked,
      reason: 'priced_later' as const,
      price: () => ({ cost, costSource: 'catalog' as const, priceId: null, warnings: ['a warning'] }),
    });
    expect(await adjustUsage(pricer().resources, to(5n * 10n ** 15n))).toBe(1);
    expect(await Promise.all(pricers.map(({ resources }) => adjustUsage(resources, to(0n))))).toContain(0);
    const event = await getEvent(organization, id);
    expect(event).toMatchObject({ cost: '0', original_cost: null, warnings: ['a warning'] });
    expect(event.adjustments.map(({ cost_before, cost_after }) => [cost_before, cost_after])).toEqual([
      [null, COST],
      [COST, '0.005'],
      ['0.005', '0'],
    ]);
    expect(await totalsOf(organization)).toMatchObject({ requests: 1, cost: '0', unpriced_requests: 0 });
    await reverse(organization, id);
    expect(await totalsOf(organization)).toMatchObject({ requests: 0, cost: '0', unpriced_requests: 0 });
    expect(await adjustUsage(pricer().resources, to(1n))).toBe(0);
    expect(await verifyAll()).toEqual([]);
  });
});

describe('budgets of an event that is priced later', () => {
  it('raise a crossing in the period that runs; one that has ended is corrected and raises nothing', async () => {
    const organization = await makeOrganization(meterr());
    const rule = { name: 'Watched', period: 'month', amount: '0.01', thresholds: [50, 100] };
    await meterr().ok('POST', '/v1/budgets', { key: organization.key.secret, body: rule });
    const spentOf = async () => {
      const { rows } = await meterr().sql.query(
        `SELECT trim_scale(spent)::text AS spent, matched_events, exceeded FROM budget_counters
          WHERE organization_id = $1 ORDER BY period_start`,
        [organization.uuid],
      );
      return rows.map(({ spent, matched_events, exceeded }) => [spent, matched_events, exceeded]);
    };
    const told = async () =>
      (await readEvents(meterr(), organization.key.secret))
        .filter(({ event }) => event !== 'usage.unpriced')
        .map(wordOf)
        .toSorted();
    await record(organization, [{ timestamp: '2026-10-20T00:00:00Z' }]);
    expect(await priceByBoth()).toBe(1);
    expect(await spentOf()).toEqual([[COST, 1, false]]);
    expect(await told()).toEqual([]);
    await record(organization, [{}]);
    expect(await priceByBoth()).toBe(1);
    expect(await spentOf()).toEqual([
      [COST, 1, false],
      [COST, 1, true],
    ]);
    expect(await told()).toEqual(['100', '50', 'exceeded']);
    expect(await verifyAll()).toEqual([]);
  });
});

describe('credits of an event that is priced later', () => {
  const turn = ({ id }: MadeOrganization, credits: string) =>
    meterr().ok('PATCH', `/v1/organizations/${id}`, { key: OPERATOR_KEY, body: { credits } });
  const ledgerOf = async (organization: MadeOrganization) =>
    (
      await ask<{ data: { cause: string; amount: string; usage_id: string | null }[] }>(
        organization,
        '/v1/credits/ledger',
      )
    ).data;

  it('pay for it where the organization prepaid when it was recorded, whatever it does now', async () => {
    const organization = await makeOrganization(meterr());
    const [before = ''] = await record(organization, [{}]);
    await turn(organization, 'prepaid');
    const body = { amount: '1' };
    await meterr().ok('POST', '/v1/credits/grants', { key: organization.key.secret, body });
    const [paid = ''] = await record(organization, [{}]);
    expect((await ledgerOf(organization)).map(({ cause }) => cause)).toEqual(['grant']);
    await turn(organization, 'none');
    const [after = ''] = await record(organization, [{}]);
    expect(await priceByBoth()).toBe(3);
    expect(await ask(organization, '/v1/credits')).toMatchObject({ used: COST, available: '0.9895' });
    expect(await ledgerOf(organization)).toMatchObject([
      { cause: 'price_adjustment', amount: `-${COST}`, usage_id: paid },
      { cause: 'grant' },
    ]);
    expect(await verifyAll()).toEqual([]);
    for (const id of [before, paid, after]) await reverse(organization, id);
    expect(await ask(organization, '/v1/credits')).toMatchObject({ used: '0', available: '1' });
    expect(await verifyAll()).toEqual([]);
  });

  it('go below zero and say that they are exhausted, once', async () => {
    const organization = await makeOrganization(meterr(), { credits: 'prepaid' });
    await meterr().ok('POST', '/v1/credits/grants', { key: organization.key.secret, body: { amount: '0.01' } });
    await record(organization, [{}, {}]);
    const told = async () => (await readEvents<object>(meterr(), organization.key.secret)).map(({ event }) => event);
    expect(await told()).toEqual(['usage.unpriced']);
    expect(await priceByBoth()).toBe(2);
    expect(await ask(organization, '/v1/credits')).toMatchObject({ used: '0.021', available: '-0.011' });
    expect((await told()).toSorted()).toEqual(['credits.exhausted', 'credits.low', 'usage.unpriced']);
    expect(await verifyAll()).toEqual([]);
  });

  it('verify tells a charge that is missing', async () => {
    const organization = await makeOrganization(meterr(), { credits: 'prepaid' });
    await record(organization, [{}]);
    await pricer().price();
    const sql = meterr().sql;
    await sql.query("UPDATE credit_entries SET cause = 'expiry' WHERE organization_id = $1 AND amount <> 0", [
      organization.uuid,
    ]);
    expect(await verifyAll()).toMatchObject([{ table: 'credit_entries (adjustments)', kept: '0' }]);
    await sql.query("UPDATE credit_entries SET cause = 'price_adjustment' WHERE cause = 'expiry'");
  });
});

describe('retention of an event that was priced later', () => {
  it('keeps what it costs now for repeats, leaves all sums, and nothing is priced after it', async () => {
    const organization = await makeOrganization(meterr());
    const timestamp = '2026-11-02T10:00:00Z';
    const events = Array.from({ length: 20 }, (_, i) => ({ ...EARLY, id: `old-${i}`, timestamp, user_id: 'ann' }));
    await record(organization, events);
    await pricer().price();
    const late = { ...EARLY, id: 'late', timestamp, user_id: 'ann' };
    await record(organization, [late]);
    const days = { key: OPERATOR_KEY, body: { retention_days: 7 } };
    await meterr().ok('PATCH', `/v1/organizations/${organization.id}`, days);
    const { database } = pricer().resources;
    await foldUsage(database);
    const before = await ask<UsageSummaryAnswer>(organization, '/v1/usage?start=2026-11-01T00:00:00Z&group_by=user');
    expect(before.totals).toMatchObject({ requests: 21, cost: '0.21', unpriced_requests: 1 });
    expect(await retireUsage(database, null, NOW_MS)).toBe(41);
    expect(await pricer().price()).toBe(0);
    expect(await ask(organization, '/v1/usage?start=2026-11-01T00:00:00Z&group_by=user')).toEqual(before);
    const body = { events: [...events, late].map((event) => ({ ...event, input_tokens: 1000, output_tokens: 500 })) };
    const { data } = await meterr().ok<BatchAnswer>('POST', '/v1/usage/batch', { key: organization.key.secret, body });
    expect(data.map(({ status, cost }) => [status, cost])).toEqual([
      ...events.map(() => ['duplicate', COST]),
      ['duplicate', null],
    ]);
    expect(await verifyAll()).toEqual([]);
  });
});
