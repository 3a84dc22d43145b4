import { expect, it } from 'vitest';
import { createBudget } from '../../src/domain/budgets/create-budget.ts';
import { updateBudget } from '../../src/domain/budgets/update-budget.ts';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { createHold } from '../../src/domain/holds/create-hold.ts';
import { recordUsage } from '../../src/domain/usage/record-usage.ts';
import { recordUsageBatch } from '../../src/domain/usage/record-usage-batch.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { formatId } from '../../src/platform/ids.ts';
import { type TestDomain, useTestDomain } from '../harness/domain.ts';
import { EVENT_INPUT, makeOrganization } from '../harness/make.ts';

const domain = useTestDomain();

/** Changes the list of budgets under every statement that is sent with a version of it. */
function changingBefore(resources: TestDomain['resources'], change: () => Promise<unknown>): TestDomain['resources'] {
  const { budgets } = resources;
  const reload = async (id: string) => {
    const list = await budgets.reload(id);
    await change();
    return list;
  };
  return { ...resources, budgets: { ...budgets, reload, get: reload } };
}

it('a hold is decided however often the budgets change between the look and the decision', async () => {
  const organization = await makeOrganization(domain());
  const context = await domain().contextOf(organization);
  const budget = await createBudget(context, { name: 'b', amount: '100', period: 'month', action: 'block' });
  let amount = 100;
  const change = () => updateBudget(context, { id: formatId('budget', budget.id), amount: String(++amount) });
  const resources = changingBefore(context.resources, change);
  const hold = await createHold({ ...context, resources }, { ...EVENT_INPUT, maxOutputTokens: 500 });
  expect(amount).toBeGreaterThan(101);
  expect(hold.budgets).toMatchObject([{ limit: String(amount) }]);
});

it('writers beside clients that change budgets in a loop record all that they send, each event once', async () => {
  const organization = await makeOrganization(domain());
  const context = await domain().contextOf(organization);
  const budget = await createBudget(context, { name: 'b', tokens: 1_000_000_000, period: 'month' });
  let isDone = false;
  const changers = [1, 2].map(async (changer) => {
    for (let i = 0; !isDone; i++)
      await updateBudget(context, { id: formatId('budget', budget.id), name: `${changer} ${i}` });
  });
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let i = 0; i < 20; i++) {
      const events = ['a', 'b'].map((part) => ({ ...EVENT_INPUT, id: `${writer} ${i} ${part}` }));
      const { items, created } = await recordUsageBatch(context, events);
      expect(created, JSON.stringify(items)).toBe(2);
    }
  });
  await Promise.all(writers);
  isDone = true;
  await Promise.all(changers);
  const { database } = domain().resources;
  expect(await verifyUsage(database)).toEqual([]);
  expect(await verifyBudgets(database)).toEqual([]);
  const { rows } = await domain().sql.query('SELECT count(*)::int AS n FROM usage_events WHERE organization_id = $1', [
    organization.uuid,
  ]);
  expect(rows).toEqual([{ n: 320 }]);
});

it('a lone event of an organization with prepaid credits is recorded beside such clients too', async () => {
  const organization = await makeOrganization(domain(), { credits: 'prepaid' });
  const context = await domain().contextOf(organization);
  const budget = await createBudget(context, { name: 'b', amount: '100', period: 'month' });
  let isDone = false;
  const changers = [1, 2, 3].map(async (changer) => {
    for (let i = 0; !isDone; i++)
      await updateBudget(context, { id: formatId('budget', budget.id), name: `${changer} ${i}` });
  });
  for (let i = 0; i < 40; i++) {
    expect((await recordUsage(context, { ...EVENT_INPUT, id: `lone ${i}` })).duplicate).toBe(false);
  }
  isDone = true;
  await Promise.all(changers);
  expect(await verifyBudgets(domain().resources.database)).toEqual([]);
});
