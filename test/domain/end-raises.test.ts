import { expect, it } from 'vitest';
import { createBudget } from '../../src/domain/budgets/create-budget.ts';
import { endAllRaises } from '../../src/domain/budgets/end-raises.ts';
import { recordUsage } from '../../src/domain/usage/record-usage.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { useTestDomain } from '../harness/domain.ts';
import { EVENT_INPUT, type MadeOrganization, makeOrganization } from '../harness/make.ts';

const domain = useTestDomain();
const NOW_MS = Date.parse(DEFAULT_NOW);
const MINUTE_MS = 60_000;
const RAISE = { raiseAmount: '10', raiseUntil: new Date(NOW_MS + MINUTE_MS) };

async function toldTo({ uuid }: MadeOrganization): Promise<string[]> {
  const { rows } = await domain().sql.query('SELECT type FROM events WHERE organization_id = $1 ORDER BY position', [
    uuid,
  ]);
  return rows.map(({ type }) => type);
}

it('the job tells what raises uncover that have run out, of every organization, once, on any number of processes', async () => {
  const { database } = domain().resources;
  const organizations = await Promise.all(Array.from({ length: 3 }, () => makeOrganization(domain())));
  for (const organization of organizations) {
    const context = await domain().contextOf(organization);
    await createBudget(context, { name: 'Raised', amount: '10', period: 'month', thresholds: [], ...RAISE });
    await recordUsage(context, { ...EVENT_INPUT, cost: '15' });
  }
  const never = new AbortController();
  const run = (nowMs: number) => endAllRaises(database, nowMs, never.signal);
  await run(NOW_MS + MINUTE_MS - 1);
  for (const organization of organizations) expect(await toldTo(organization)).toEqual([]);
  await Promise.all(Array.from({ length: 4 }, () => run(NOW_MS + MINUTE_MS)));
  for (const organization of organizations) expect(await toldTo(organization)).toEqual(['usage.exceeded']);
  // A process whose clock is behind does not bring the raise back.
  const [first] = organizations;
  if (!first) throw new Error('three organizations were made');
  await recordUsage(await domain().contextOf(first), { ...EVENT_INPUT, cost: '1' });
  expect(await toldTo(first)).toEqual(['usage.exceeded']);
});
