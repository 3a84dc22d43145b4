import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer } from '../../harness/answers.ts';
import { createTestApp, NEVER_MS, type TestApp, useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, type MadeOrganization, makeOrganization } from '../../harness/make.ts';
import { waitUntil } from '../../harness/wait-until.ts';
import { GPT_4O, makeAlias, makePrice, type PriceAnswer, tokenUnits } from './price-answers.ts';

// Neither looks for another catalog: what they follow are changes of organizations.
const first = useTestApp({ catalogLookMs: NEVER_MS });
let second: TestApp;

beforeAll(async () => {
  second = await createTestApp({ connectionString: first().connectionString, catalogLookMs: NEVER_MS });
});
afterAll(() => second.close());

const record = ({ ok }: TestApp, { key }: MadeOrganization, body: object = {}) =>
  ok<UsageEventAnswer>('POST', '/v1/usage', { key: key.secret, body: { ...EVENT, ...body } });

it('what one process has answered it uses at once, and another by itself', async () => {
  const mine = await makeOrganization(first());
  expect((await record(second, mine)).cost).toBe(EVENT_COST);
  const made = await makePrice(first(), mine, { units: tokenUnits('1', '1') });
  expect((await record(first(), mine)).price_id).toBe(made.id);
  await waitUntil('the other process uses it', async () => (await record(second, mine)).price_id === made.id);
  await second.ok('DELETE', `/v1/prices/${made.id}`, { key: mine.key.secret });
  expect((await record(second, mine)).cost).toBe(EVENT_COST);
  await waitUntil('the first one has ended it', async () => (await record(first(), mine)).cost === EVENT_COST);
  await makeAlias(first(), mine, { model: 'ours', target_model: 'gpt-4o' });
  await waitUntil('the alias leads', async () => (await record(second, mine, { model: 'ours' })).cost === EVENT_COST);
});

it('of prices made in parallel by two processes none is lost, and the newest charges in both', async () => {
  const mine = await makeOrganization(first());
  const made = await Promise.all(
    Array.from({ length: 12 }, (_, at) =>
      makePrice(at % 2 === 0 ? first() : second, mine, { units: tokenUnits(`${at + 1}`, '0') }),
    ),
  );
  const { rows } = await first().sql.query<{ id: string; input: string }>(
    `SELECT units->0->>'price' AS input FROM prices WHERE organization_id = $1 ORDER BY created_at`,
    [mine.uuid],
  );
  expect(rows.length).toBe(made.length);
  const newest = rows.at(-1)?.input ?? '';
  const charged = (app: TestApp) => record(app, mine, { input_tokens: 1_000_000, output_tokens: 0 });
  for (const app of [first(), second]) {
    await waitUntil('it charges by the newest', async () => (await charged(app)).cost === newest);
  }
  const { data } = await second.ok<ListAnswer<PriceAnswer>>('GET', '/v1/prices?agreement=own', {
    key: mine.key.secret,
  });
  expect(data.map(({ id }) => id).sort()).toEqual(made.map(({ id }) => id).sort());
});

it('of equal aliases made in parallel one is there, and a process that starts later knows all of them', async () => {
  const mine = await makeOrganization(first());
  const body = { ...GPT_4O, model: 'ours', target_model: 'gpt-4o' };
  const answers = await Promise.all(
    [first(), second, first(), second].map((app) =>
      app.rest('POST', '/v1/model-aliases', { key: mine.key.secret, body }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  const made = await makePrice(first(), mine, { discount_percent: '50' });
  const third = await createTestApp({ connectionString: first().connectionString });
  expect(await record(third, mine, { model: 'ours' })).toMatchObject({ cost: '0.00375', price_id: made.id });
  await third.close();
});
