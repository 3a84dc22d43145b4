import { expect, it } from 'vitest';
import { createBudget } from '../../src/domain/budgets/create-budget.ts';
import { makeRows, useTestDomain } from '../harness/domain.ts';
import { makeOrganization } from '../harness/make.ts';

const domain = useTestDomain();

it('events of one batch and one UTC day that are alike but for their second count for the day of the budget’s own zone', async () => {
  const context = await domain().contextOf(await makeOrganization(domain()));
  await createBudget(context, { name: 'daily', amount: '100', period: 'day', timezone: 'Asia/Kolkata' });
  // Midnight in Kolkata is 18:30 in UTC.
  const times = ['2026-11-20T18:29:58Z', '2026-11-20T18:29:59.999Z', '2026-11-20T18:30:00Z', '2026-11-20T18:30:01Z'];
  const costs = ['1', '2', '4', '8'];
  const rows = await makeRows(
    context,
    times.map((time, i) => ({ timestamp: new Date(time), cost: costs[i] })),
  );
  await domain().resources.usage.commit(rows);
  const { rows: counters } = await domain().sql.query(
    `SELECT period_start, trim_scale(spent)::text AS spent, matched_events::int AS events FROM budget_counters
      WHERE organization_id = $1 AND matched_events > 0 ORDER BY period_start`,
    [context.caller.organization.id],
  );
  expect(counters).toEqual([
    { period_start: new Date('2026-11-19T18:30:00Z'), spent: '3', events: 2 },
    { period_start: new Date('2026-11-20T18:30:00Z'), spent: '12', events: 2 },
  ]);
});
