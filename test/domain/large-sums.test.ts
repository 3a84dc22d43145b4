import { expect, it } from 'vitest';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import type { BudgetAnswer, HoldAnswer } from '../doors/budget-answers.ts';
import type { UsageSummaryAnswer } from '../harness/answers.ts';
import { useTestApp } from '../harness/app.ts';
import { EVENT, makeOrganization, makeUsage } from '../harness/make.ts';

// Sums that no client can reach in a test are put into the tables first: as if millions of the
// largest events had been recorded before.

const meterr = useTestApp();
const MOST_OF_AN_EVENT = 10 ** 12;
const MOST_STORED = '4000000000000000000';
/** A penny below 10^20, where NUMERIC(38,18) ends. */
const MUCH = '99999999999999999999.99';
const SPENT = '100000002999999999999.99';
const LARGEST = { input_tokens: MOST_OF_AN_EVENT, output_tokens: MOST_OF_AN_EVENT, cost: '1000000000000' };

async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const { connectionString } = meterr();
  const database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  return work(database).finally(() => database.close());
}

async function inflate(organization: string): Promise<void> {
  for (const table of ['usage_quarter_hours', 'usage_days', 'usage_attribution_days']) {
    await meterr().sql.query(
      `UPDATE ${table} SET input_tokens = ${MOST_STORED}, output_tokens = ${MOST_STORED}::bigint - 1, cost = ${MUCH}
        WHERE organization_id = $1`,
      [organization],
    );
  }
  await meterr().sql.query(`UPDATE budget_counters SET spent = ${MUCH} WHERE organization_id = $1`, [organization]);
}

it('sums of the largest events are exact beyond 2^53-1 in the tables, and stay there in answers', async () => {
  const { key } = await makeOrganization(meterr());
  const { ok } = meterr();
  const totalsOf = async () => (await ok<UsageSummaryAnswer>('GET', '/v1/usage', { key: key.secret })).totals;
  const events = Array.from({ length: 1_000 }, () => ({ ...EVENT, ...LARGEST, output_tokens: 0 }));
  for (let thousand = 1; thousand <= 9; thousand++) {
    await ok('POST', '/v1/usage', { key: key.secret, body: { events } });
  }
  expect(await totalsOf()).toMatchObject({ input_tokens: 9e15, cost: '9000000000000000' });
  const ids = await makeUsage(meterr(), key.secret, events.slice(0, 8));
  expect(await totalsOf()).toMatchObject({ input_tokens: Number.MAX_SAFE_INTEGER, cost: '9008000000000000' });
  await withDatabase(async (database) => expect(await verifyUsage(database)).toEqual([]));
  for (const id of ids) {
    await ok('POST', `/v1/usage/${id}/void`, { key: key.secret, body: { reason: 'a test' } });
  }
  expect(await totalsOf()).toMatchObject({ input_tokens: 9e15, cost: '9000000000000000' });
});

it('recording, holding and reading never fail for the size of a sum: counts stay, money stays exact', async () => {
  const organization = await makeOrganization(meterr());
  const { secret: key } = organization.key;
  const { ok } = meterr();
  const make = (body: object) =>
    ok<BudgetAnswer>('POST', '/v1/budgets', { key, body: { name: 'b', period: 'month', ...body } });
  const money = await make({ amount: '1000' });
  const tokens = await make({ tokens: 1000 });
  await makeUsage(meterr(), key, [{ cost: '0' }]);
  await withDatabase(foldUsage);
  await inflate(organization.uuid);

  await ok('POST', '/v1/usage', { key, body: { ...EVENT, ...LARGEST } });
  await makeUsage(meterr(), key, [LARGEST, LARGEST]);
  const [usage] = await makeUsage(meterr(), key, [LARGEST]);
  await ok('POST', `/v1/usage/${usage}/void`, { key, body: { reason: 'a test' } });
  const body = {
    provider: 'openai',
    model: 'gpt-4o',
    input_tokens: MOST_OF_AN_EVENT,
    max_output_tokens: MOST_OF_AN_EVENT,
  };
  const held = await ok<HoldAnswer>('POST', '/v1/usage/holds', { key, body });
  expect(held.budgets.map(({ id }) => id).sort()).toEqual([money.id, tokens.id].sort());
  await withDatabase(foldUsage);

  const { rows } = await meterr().sql.query(
    `SELECT input_tokens::text, trim_scale(cost)::text AS cost FROM usage_days WHERE organization_id = $1
      UNION ALL SELECT input_tokens::text, trim_scale(cost)::text AS cost FROM usage_attribution_days WHERE organization_id = $1`,
    [organization.uuid],
  );
  // The void took its event from a sum that had stayed where it was.
  const kept = { input_tokens: String(BigInt(MOST_STORED) - BigInt(MOST_OF_AN_EVENT)), cost: SPENT };
  const folded = { input_tokens: MOST_STORED, cost: SPENT };
  expect(rows).toEqual([kept, folded]);
  const { totals } = await ok<UsageSummaryAnswer>('GET', '/v1/usage', { key });
  expect(totals).toMatchObject({
    input_tokens: Number.MAX_SAFE_INTEGER,
    total_tokens: Number.MAX_SAFE_INTEGER,
    cost: SPENT,
  });
  expect(await ok('GET', '/v1/costs', { key })).toMatchObject({ total: SPENT });
  expect(await ok('GET', `/v1/budgets/${money.id}`, { key })).toMatchObject({ spent: SPENT });
  await meterr().sql.query('UPDATE budget_counters SET spent = 1e30 WHERE organization_id = $1', [organization.uuid]);
  expect(await ok('GET', `/v1/budgets/${tokens.id}`, { key })).toMatchObject({ spent: Number.MAX_SAFE_INTEGER });
  expect((await ok<{ data: object[] }>('GET', '/v1/events?limit=1', { key })).data).toHaveLength(1);
});
