import type { Bench } from '../harness/bench.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { openCaller } from '../harness/http-caller.ts';
import type { Target } from '../harness/shoot.ts';
import { interleave } from '../harness/statistics.ts';
import { describeTally, summarizeShots } from '../harness/summarize-shots.ts';

const BATCH = 1_000;
const CONNECTIONS = 4;
const BUDGETS = 1_000;
const MATCHING = 10;
const USERS = Array.from({ length: 50 }, (_, i) => `user-${10 + i}`);
const MODELS = ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5', 'claude-haiku-4-5', 'gemini-2.5-flash'];

interface Budget {
  period: string;
  per?: string;
  action?: string;
  scope?: Record<string, unknown>;
}

/**
 * Ten that match each event of the load, whichever it is; the rest are for users who send nothing
 * now.
 */
function listBudgets(): Budget[] {
  const active: Budget[] = [
    { period: 'month', action: 'block' },
    { period: 'day' },
    { period: 'month', per: 'user' },
    { period: 'month', scope: { tags: { env: 'prod' } } },
    { period: 'week', scope: { tags: { feature: 'chat' } } },
    ...['openai', 'anthropic', 'google'].map((provider) => ({ period: 'month', scope: { provider } })),
    ...MODELS.map((model) => ({ period: 'month', scope: { model } })),
    ...USERS.flatMap((user_id) => ['day', 'week', 'month'].map((period) => ({ period, scope: { user_id } }))),
  ];
  const idle = Array.from({ length: BUDGETS - active.length }, (_, i) => ({
    period: 'month',
    scope: { user_id: `away-${i}` },
  }));
  return [...active, ...idle];
}

async function createBudgets(target: Target): Promise<void> {
  const caller = await openCaller(target);
  for (const [i, budget] of listBudgets().entries()) {
    await caller.call('POST', '/v1/budgets', { name: `Budget ${i}`, amount: '1000000000', action: 'alert', ...budget });
  }
  caller.close();
}

/** @throws Error unless every event was counted by ten budgets, once by each */
async function verifyCounters(target: Target): Promise<void> {
  const { rows } = (await target.pool?.query<{ counted: string; events: string }>(
    `SELECT coalesce(sum(matched_events), 0)::text AS counted,
            (SELECT count(*)::text FROM usage_events e
              WHERE e.organization_id = (SELECT id FROM organizations WHERE name = $1)) AS events
       FROM budget_counters WHERE organization_id = (SELECT id FROM organizations WHERE name = $1)`,
    [target.name],
  )) ?? { rows: [] };
  const [counted, events] = [Number(rows[0]?.counted), Number(rows[0]?.events)];
  if (counted !== MATCHING * events) throw new Error(`${events} events were counted ${counted} times`);
}

/**
 * What budgets cost batches: a thousand of them, ten for each event, against an organization that
 * has none.
 */
export async function budgets(bench: Bench): Promise<void> {
  const ours = await bench.meterr();
  const free = await createOrganization(ours, 'budgets: none');
  const bound = await createOrganization(ours, 'budgets: 1,000');
  await createBudgets(bound);
  const shot = (target: Target) => () =>
    bench.shoot(target, { kind: 'batch', connections: CONNECTIONS, batchSize: BATCH, measureMs: 2 * bench.measureMs });
  await shot(free)();
  await shot(bound)();
  const shots = await interleave(bench.rounds, { without: shot(free), with: shot(bound) });
  await verifyCounters(bound);
  const row = { row: 'budgets', unit: 'events/s' };
  const label = `batches of 1,000, ${CONNECTIONS} connections`;
  const without = summarizeShots(shots.without);
  bench.report({ ...row, what: `${label}, no budgets`, ...without, note: describeTally(shots.without) });
  const measured = summarizeShots(shots.with);
  bench.report({
    ...row,
    what: `${label}, 1,000 budgets of which 10 match each event`,
    ...measured,
    against: { what: 'without', value: without.value },
    ratio: measured.value / without.value,
    wanted: '0.7x',
    note: `${describeTally(shots.with)}, each counted by ${MATCHING} budgets`,
  });
}
