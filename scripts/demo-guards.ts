import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, config, createClient, fail } from './demo-server.ts';
import type { DemoTeam } from './demo-usage.ts';

const HTTP_PAYMENT_REQUIRED = 402;
const HTTP_CONFLICT = 409;
const HTTP_FAILURES = 400;
const PREPAID_KEY_FILE = 'demo-prepaid-key';
const CALL = { provider: 'openai', model: 'gpt-4o-mini', input_tokens: 2_000, output_tokens: 500 };
const EVALUATION = { tags: { env: 'staging', feature: 'evaluation' } };

interface Named {
  name: string;
}

/** Records an event with a cost of its own. One that is there from an earlier run stays. */
async function record(client: Client, id: string, more: object): Promise<void> {
  const { status, text } = await client.send('POST', '/v1/usage', { ...CALL, id, ...more });
  if (status >= HTTP_FAILURES && status !== HTTP_CONFLICT) fail(`POST /v1/usage answered ${status}: ${text}`);
}

async function makeBudgets(client: Client, teams: readonly DemoTeam[]): Promise<void> {
  const support = teams.find(({ name }) => name === 'Support');
  const wanted = [
    ...(support
      ? [{ name: 'Support, each month', amount: '120.00', period: 'month', scope: { team_id: support.id } }]
      : []),
    { name: 'Each user, each day', amount: '2.00', period: 'day', per: 'user' },
    {
      name: 'Evaluations, each day',
      amount: '1.00',
      period: 'day',
      scope: { tags: { feature: 'evaluation' } },
      action: 'block',
    },
  ];
  const { data } = await client.get<{ data: Named[] }>('/v1/budgets?limit=100');
  const known = new Set(data.map(({ name }) => name));
  for (const budget of wanted) if (!known.has(budget.name)) await client.call('POST', '/v1/budgets', budget);
}

/** A hold of today; a run that repeats it today gets the first answer again. */
async function hold(client: Client, name: string, more: object): Promise<{ id: string } | 'refused'> {
  const { input_tokens, provider, model } = CALL;
  const body = { provider, model, input_tokens, max_output_tokens: 500, expires_in: 3_600, ...more };
  const { status, text } = await client.send('POST', '/v1/usage/holds', body, { 'Idempotency-Key': name });
  if (status === HTTP_PAYMENT_REQUIRED) return 'refused';
  if (status >= HTTP_FAILURES) fail(`POST /v1/usage/holds answered ${status}: ${text}`);
  return JSON.parse(text) as { id: string };
}

/**
 * One hold that is settled, one that is released and one that stays open; then evaluations that
 * cross their budget at 50, 80 and 100 %, and a hold that it refuses.
 */
async function useHolds(client: Client, day: string): Promise<void> {
  const amount = '0.05';
  const settled = await hold(client, `demo-settled-${day}`, { ...EVALUATION, amount });
  if (settled !== 'refused') {
    await record(client, `demo-settled-${day}`, { ...EVALUATION, cost: '0.04', hold_id: settled.id });
  }
  const released = await hold(client, `demo-released-${day}`, { ...EVALUATION, amount });
  if (released !== 'refused') await client.send('DELETE', `/v1/usage/holds/${released.id}`);
  await hold(client, `demo-open-${day}`, { ...EVALUATION, amount });
  for (const number of [1, 2, 3, 4]) {
    await record(client, `demo-evaluation-${day}-${number}`, { ...EVALUATION, cost: '0.30' });
  }
  await hold(client, `demo-refused-${day}`, { ...EVALUATION, amount });
}

interface Credits {
  mode: string;
  granted: string;
  available: string;
}

async function grantOnce(client: Client, amount: string, note: string): Promise<Credits> {
  const { granted } = await client.get<Credits>('/v1/credits');
  if (Number(granted) === 0) await client.call('POST', '/v1/credits/grants', { amount, note });
  return client.get<Credits>('/v1/credits');
}

/** The key of the prepaid organization, which only the operator can make. It is kept for later runs. */
async function findPrepaidKey(operatorKey: string): Promise<string> {
  const file = join(config.dataDir, PREPAID_KEY_FILE);
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null) return kept.trim();
  const operator = createClient(operatorKey);
  const body = { name: 'Prepaid customer (demo)', plan: 'enterprise', credits: 'prepaid' };
  const made = await operator.call<{ api_key: { secret: string } }>('POST', '/v1/organizations', body);
  if (!made) return fail('The server has no /v1/organizations: is it a Meterr server?');
  await writeFile(file, `${made.api_key.secret}\n`, { mode: 0o600 });
  return made.api_key.secret;
}

/** Spends prepaid credits until they are low, then until nothing is left. */
async function usePrepaidCredits(operatorKey: string): Promise<string> {
  const client = createClient(await findPrepaidKey(operatorKey));
  await grantOnce(client, '1.00', 'First month');
  await record(client, 'demo-prepaid-1', { cost: '0.95' });
  const refused = await hold(client, 'demo-prepaid-refused', { amount: '0.50' });
  await record(client, 'demo-prepaid-2', { cost: '0.05' });
  const { available } = await client.get<Credits>('/v1/credits');
  const events = await countEvents(client);
  const hint = refused === 'refused' ? 'a hold above them was refused with 402' : 'a hold was made';
  return `A prepaid organization has ${available} USD left of 1.00; ${hint}. Its events: ${events}.`;
}

async function countEvents(client: Client): Promise<string> {
  const { data } = await client.get<{ data: { event: string }[] }>('/v1/events?limit=100');
  const counts = new Map<string, number>();
  for (const { event } of data) counts.set(event, (counts.get(event) ?? 0) + 1);
  return [...counts].map(([event, count]) => `${count} ${event}`).join(', ') || 'none';
}

/** Budgets come first, because an event is raised when usage crosses one. */
export async function prepareGuards(client: Client, teams: readonly DemoTeam[]): Promise<void> {
  await makeBudgets(client, teams);
}

/**
 * Uses holds and credits.
 * @returns lines for a person, about what there is now
 */
export async function useGuards(client: Client): Promise<string[]> {
  await useHolds(client, new Date().toISOString().slice(0, 10));
  const { mode, granted } = await grantOnce(client, '500.00', 'Granted by the demo');
  const { operatorKey } = config;
  return [
    '3 budgets, with holds that were settled, released, refused (402), and one that is open for an hour.',
    `Events of these budgets: ${await countEvents(client)}.`,
    `Credits: ${granted} USD granted${mode === 'none' ? ', and not used, because this organization does not pay in advance' : ''}.`,
    operatorKey
      ? await usePrepaidCredits(operatorKey)
      : 'For a prepaid organization as well, start both the server and the demo with METERR_OPERATOR_KEY.',
  ];
}
