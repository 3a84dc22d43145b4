import { beforeAll, describe, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyCredits } from '../../src/domain/credits/verify-credits.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { useTestApp } from '../harness/app.ts';
import { blockWriters } from '../harness/domain.ts';
import { type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import { type JobAnswer, type OwnPrice, type RepriceAnswer, reprice, waitForJob } from '../harness/reprice.ts';
import { readEvents } from './budget-answers.ts';

// The clock stands at 2026-11-22T10:00Z. By the catalog the event of the tests costs 0.0075, by DOUBLE 0.015.

const meterr = useTestApp();
const DOUBLE = { input: '5', output: '20' };
const NOVEMBER = { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' };
const PATH = '/v1/prices/reprice';

const post = <T>(key: string, body: object) => meterr().ok<T>('POST', PATH, { key, body });
const preview = (key: string, body: object = {}) =>
  post<RepriceAnswer & { dry_run: boolean }>(key, { ...NOVEMBER, ...body, dry_run: true });
const get = <T>(key: string, path: string) => meterr().ok<T>('GET', path, { key });
const totalsOf = async (key: string) =>
  (await get<UsageSummaryAnswer>(key, '/v1/usage?start=2026-09-01T00:00:00Z')).totals;

function makeOwnPrice(organization: Pick<MadeOrganization, 'key'>, price: OwnPrice): Promise<unknown> {
  const { provider = 'openai', model = 'gpt-4o', input, output, validFrom } = price;
  const units = [
    { unit: 'input_tokens', price: input },
    { unit: 'output_tokens', price: output },
  ];
  const body = { provider, model, units, ...(validFrom && { valid_from: validFrom }) };
  return meterr().ok('POST', '/v1/prices', { key: organization.key.secret, body });
}

async function verifyAll() {
  const database = openDatabase({ connectionString: meterr().connectionString, connections: 1, onError: () => {} });
  try {
    return [...(await verifyUsage(database)), ...(await verifyBudgets(database)), ...(await verifyCredits(database))];
  } finally {
    await database.close();
  }
}

describe('events of all kinds, after a price was changed for the past', () => {
  let organization: MadeOrganization;
  let key: string;
  let ids: string[];
  let dry: RepriceAnswer & { dry_run: boolean };
  let job: JobAnswer;

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    key = organization.key.secret;
    ids = await makeUsage(meterr(), key, [
      { timestamp: '2026-11-20T10:00:00Z' },
      { timestamp: '2026-11-20T23:59:59.999Z' },
      { timestamp: '2026-11-21T00:00:00Z' },
      { timestamp: '2026-11-20T10:00:00Z', cost: '7' },
      { timestamp: '2026-11-20T10:00:00Z', model: 'gpt-4o-mini' },
      { timestamp: '2026-11-20T10:00:00Z', provider: 'nobody', model: 'unheard-of' },
      { timestamp: '2026-11-20T10:00:00Z', provider: 'nobody', model: 'never-heard-of' },
      { timestamp: '2026-11-20T10:00:00Z' },
      { timestamp: '2026-10-31T23:59:59.999Z' },
    ]);
    await meterr().ok('POST', `/v1/usage/${ids[7]}/void`, { key, body: { reason: 'a test' } });
    await makeOwnPrice(organization, DOUBLE);
    await makeOwnPrice(organization, { ...DOUBLE, provider: 'nobody', model: 'unheard-of' });
    dry = await preview(key);
  });

  it('a dry run says what would change by provider, model and day, and changes nothing', async () => {
    expect(dry).toEqual({
      dry_run: true,
      events: 7,
      changed: 4,
      cost_before: '7.02295',
      cost_after: '7.06045',
      difference: '0.0375',
      data: [
        ['nobody', 'never-heard-of', '2026-11-20', 1, '0', '0', '0'],
        ['nobody', 'unheard-of', '2026-11-20', 1, '0', '0.015', '0.015'],
        ['openai', 'gpt-4o', '2026-11-20', 3, '7.015', '7.03', '0.015'],
        ['openai', 'gpt-4o-mini', '2026-11-20', 1, '0.00045', '0.00045', '0'],
        ['openai', 'gpt-4o', '2026-11-21', 1, '0.0075', '0.015', '0.0075'],
      ].map(([provider, model, day, events, cost_before, cost_after, difference]) => {
        return { provider, model, day, events, cost_before, cost_after, difference };
      }),
    });
    const { totals } = await get<UsageSummaryAnswer>(key, `/v1/usage?start=${NOVEMBER.start}&end=${NOVEMBER.end}`);
    expect(totals).toMatchObject({ requests: dry.events, cost: dry.cost_before, unpriced_requests: 2 });
    expect(await get<ListAnswer<JobAnswer>>(key, '/v1/jobs')).toMatchObject({ data: [] });
  });

  it('a job changes it, with the result of the dry run', async () => {
    const { status, body } = await meterr().rest<JobAnswer>('POST', PATH, {
      key,
      body: { ...NOVEMBER, dry_run: false },
    });
    expect(status).toBe(202);
    expect(body).toEqual({
      id: expect.stringMatching(/^job_/),
      kind: 'reprice',
      status: 'queued',
      input: {
        start: '2026-11-01T00:00:00.000Z',
        end: '2026-12-01T00:00:00.000Z',
        provider: null,
        model: null,
        team_id: null,
      },
      progress: { done: 0, total: 7 },
      result: null,
      error: null,
      created_at: '2026-11-22T10:00:00.000Z',
      started_at: null,
      finished_at: null,
    });
    job = await waitForJob(meterr(), key, body.id);
    const { dry_run: _, ...result } = dry;
    const at = '2026-11-22T10:00:00.000Z';
    const ended = { status: 'done', progress: { done: 7, total: 7 }, result, started_at: at, finished_at: at };
    expect(job).toEqual({ ...body, ...ended });
  });

  it('an event keeps its first cost and lists the adjustment; what a caller gave and what has no price stays', async () => {
    const events = await Promise.all(ids.map((id) => get<UsageEventAnswer>(key, `/v1/usage/${id}`)));
    expect(events.map(({ cost }) => cost)).toEqual([
      ...['0.015', '0.015', '0.015', '7', '0.00045', '0.015', null, '0.0075', '0.0075'],
    ]);
    const [first, , , given, , priced] = events;
    const adjustment = { at: '2026-11-22T10:00:00.000Z', price_id: first?.price_id, reason: 'repriced' };
    expect(first).toMatchObject({
      ...{ original_cost: '0.0075', cost_source: 'override' },
      adjustments: [{ ...adjustment, cost_before: '0.0075', cost_after: '0.015' }],
    });
    expect(given).toMatchObject({ original_cost: '7', cost_source: 'caller', adjustments: [] });
    expect(priced).toMatchObject({ original_cost: null, adjustments: [{ cost_before: null, cost_after: '0.015' }] });
    expect(await totalsOf(key)).toMatchObject({ requests: 8, cost: '7.06795', unpriced_requests: 1 });
    expect(await verifyAll()).toEqual([]);
  });

  it('a second job finds nothing to change', async () => {
    expect(await preview(key)).toMatchObject({ events: 7, changed: 0, cost_before: '7.06045', difference: '0' });
    meterr().clock.advance(1_000);
    const { result } = await reprice(meterr(), key, NOVEMBER);
    expect(result).toMatchObject({ events: 7, changed: 0, cost_after: '7.06045', difference: '0' });
    expect((await totalsOf(key)).cost).toBe('7.06795');
  });

  it('the audit log tells who asked for a job, and nothing of a dry run', async () => {
    const path = `/v1/audit-log?action=job.created&target=${job.id}`;
    const log = await get<ListAnswer<object>>(key, path);
    expect(log.data).toMatchObject([
      {
        target_id: job.id,
        actor_key_id: organization.key.id,
        before: null,
        after: { kind: 'reprice', start: job.input.start },
      },
    ]);
    const all = await get<ListAnswer<object>>(key, '/v1/audit-log?action=job.created');
    expect(all.data).toHaveLength(2);
  });

  it('the list has the jobs, newest first, without the rows of their results', async () => {
    const first = await get<ListAnswer<JobAnswer>>(key, '/v1/jobs?limit=1');
    expect(first).toMatchObject({ has_more: true, data: [{ status: 'done' }] });
    const second = await get<ListAnswer<JobAnswer>>(key, `/v1/jobs?limit=1&cursor=${first.next_cursor}`);
    expect(second.data).toEqual([{ ...job, result: { ...job.result, data: [] } }]);
  });

  it('GraphQL answers the same', async () => {
    const query = `mutation ($input: RepriceUsageInput!) {
      repriceUsage(input: $input) { job { id } preview { events changed difference data(limit: 2) { day difference } } }
    }`;
    const input = { ...NOVEMBER, dryRun: true };
    expect(await meterr().data(query, { input }, { key })).toEqual({
      repriceUsage: {
        job: null,
        preview: {
          ...{ events: 7, changed: 0, difference: '0' },
          data: [
            { day: '2026-11-20', difference: '0' },
            { day: '2026-11-20', difference: '0' },
          ],
        },
      },
    });
    const ask = 'query ($id: ID!) { job(id: $id) { status progress { done total } } node(id: $id) { id } }';
    expect(await meterr().data(ask, { id: job.id }, { key })).toEqual({
      job: { status: 'DONE', progress: { done: 7, total: 7 } },
      node: { id: job.id },
    });
  });
});

it('only what the filters name is changed, at the price of its own time', async () => {
  const organization = await makeOrganization(meterr());
  const key = organization.key.secret;
  const team = await makeTeam(meterr(), organization);
  const times = ['2026-11-19T10:00:00Z', '2026-11-20T10:00:00Z'];
  await makeUsage(meterr(), key, [
    ...times.map((timestamp) => ({ timestamp, team_id: team.id })),
    ...times.map((timestamp) => ({ timestamp, model: 'gpt-4o-mini' })),
  ]);
  await makeOwnPrice(organization, { ...DOUBLE, validFrom: '2026-11-20T00:00:00Z' });
  await makeOwnPrice(organization, { ...DOUBLE, model: 'gpt-4o-mini' });
  expect(await preview(key, { model: ' GPT-4o' })).toMatchObject({ events: 2, changed: 1, difference: '0.0075' });
  expect(await preview(key, { provider: 'OpenAI' })).toMatchObject({ events: 4, changed: 3 });
  expect(await preview(key, { provider: 'anthropic' })).toMatchObject({ events: 0, difference: '0', data: [] });
  expect(await preview(key, { end: '2026-11-20T10:00:00Z' })).toMatchObject({ events: 2, changed: 1 });
  const { result } = await reprice(meterr(), key, { ...NOVEMBER, team_id: team.id });
  expect(result).toMatchObject({ events: 2, changed: 1, difference: '0.0075' });
  expect((await totalsOf(key)).cost).toBe('0.0234');
});

it('a key that is bound to a team has its team’s events priced again, and sees its team’s jobs', async () => {
  const organization = await makeOrganization(meterr());
  const [team, other] = [await makeTeam(meterr(), organization), await makeTeam(meterr(), organization)];
  const scopes = ['prices:read', 'prices:write'] as const;
  const { secret: key } = await makeKey(meterr(), organization, { scopes, team });
  await makeUsage(meterr(), organization.key.secret, [{ team_id: team.id }, { team_id: other.id }, {}]);
  await makeOwnPrice(organization, DOUBLE);
  expect(await preview(key)).toMatchObject({ events: 1, changed: 1 });
  const refused = await meterr().rest('POST', PATH, { key, body: { ...NOVEMBER, team_id: other.id } });
  expect(refused).toMatchObject({ status: 400, body: { error: { details: { fields: [{ path: 'team_id' }] } } } });
  const own = await reprice(meterr(), key, NOVEMBER);
  expect(own).toMatchObject({ input: { team_id: team.id }, result: { events: 1, changed: 1, cost_after: '0.015' } });
  expect((await totalsOf(organization.key.secret)).cost).toBe('0.03');
  const all = await reprice(meterr(), organization.key.secret, NOVEMBER);
  expect(all.result).toMatchObject({ events: 3, changed: 2 });
  expect((await get<ListAnswer<JobAnswer>>(key, '/v1/jobs')).data.map(({ id }) => id)).toEqual([own.id]);
  expect((await meterr().rest('GET', `/v1/jobs/${all.id}`, { key })).status).toBe(404);
});

it('budgets and credits follow; only a period that has not ended raises an event', async () => {
  const organization = await makeOrganization(meterr(), { credits: 'prepaid' });
  const key = organization.key.secret;
  await meterr().ok('POST', '/v1/credits/grants', { key, body: { amount: '10' } });
  const rule = { name: 'Watched', period: 'day', amount: '0.01', thresholds: [] };
  await meterr().ok('POST', '/v1/budgets', { key, body: rule });
  await makeUsage(meterr(), key, [{ timestamp: '2026-11-21T10:00:00Z' }, { timestamp: '2026-11-22T09:00:00Z' }]);
  await makeOwnPrice(organization, DOUBLE);
  await reprice(meterr(), key, NOVEMBER);
  const exceeded = await readEvents(meterr(), key);
  expect(exceeded.map(({ event, data }) => [event, Object(data).period_start, Object(data).current])).toEqual([
    ['usage.exceeded', '2026-11-22T00:00:00.000Z', '0.015'],
  ]);
  expect(await get(key, '/v1/credits')).toMatchObject({ used: '0.03', available: '9.97' });
  expect(await verifyAll()).toEqual([]);
});

describe('while a job is not over', () => {
  it('another is a conflict, for this organization alone', async () => {
    const [one, other] = [await makeOrganization(meterr()), await makeOrganization(meterr())];
    await makeUsage(meterr(), one.key.secret, [{}]);
    await makeOwnPrice(one, DOUBLE);
    const blockade = await blockWriters(meterr().sql, one.uuid);
    const key = one.key.secret;
    const answers = await Promise.all(
      [1, 2, 3].map(() => meterr().rest<JobAnswer>('POST', PATH, { key, body: NOVEMBER })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ error: { code: 'conflict' } });
    expect(await preview(key)).toMatchObject({ changed: 1 });
    expect((await reprice(meterr(), other.key.secret, NOVEMBER)).status).toBe('done');
    await blockade.release();
    const id = answers.find(({ status }) => status === 202)?.body.id ?? '';
    expect(await waitForJob(meterr(), key, id)).toMatchObject({ status: 'done', result: { changed: 1 } });
    expect((await reprice(meterr(), key, NOVEMBER)).result).toMatchObject({ changed: 0 });
  });
});

describe('is refused', () => {
  const fieldsOf = async (key: string, body: object) => {
    const answer = await meterr().rest('POST', PATH, { key, body });
    return [answer.status, Object(answer.body).error?.details?.fields];
  };

  it('without a range, with one that is empty, and with a name that is', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    expect(await fieldsOf(secret, { end: NOVEMBER.end })).toMatchObject([400, [{ path: 'start' }]]);
    expect(await fieldsOf(secret, { ...NOVEMBER, end: NOVEMBER.start })).toMatchObject([400, [{ path: 'end' }]]);
    expect(await fieldsOf(secret, { ...NOVEMBER, model: ' ' })).toMatchObject([400, [{ path: 'model' }]]);
    expect(await fieldsOf(secret, { ...NOVEMBER, team_id: 'team_1' })).toMatchObject([400, [{ path: 'team_id' }]]);
    expect(await fieldsOf(secret, { ...NOVEMBER, dry_run: 'yes' })).toMatchObject([400, [{ path: 'dry_run' }]]);
    expect(await fieldsOf(secret, { ...NOVEMBER, user_id: 'ann' })).toMatchObject([400, [{ path: 'user_id' }]]);
  });

  it('where it begins before the retention cutoff', async () => {
    const { secret } = (await makeOrganization(meterr(), { retentionDays: 10 })).key;
    expect(await fieldsOf(secret, { ...NOVEMBER, start: '2026-11-11T23:59:59Z' })).toMatchObject([
      400,
      [{ path: 'start', message: expect.stringContaining('2026-11-12T00:00:00.000Z') }],
    ]);
    expect(await preview(secret, { start: '2026-11-12T00:00:00Z' })).toMatchObject({ events: 0 });
  });

  it('where its answer would have more than 10,000 rows', async () => {
    const organization = await makeOrganization(meterr());
    await makeUsage(meterr(), organization.key.secret, [{}]);
    const [series] = (
      await meterr().sql.query('SELECT id FROM usage_series WHERE organization_id = $1', [organization.uuid])
    ).rows;
    await meterr().sql.query(
      `INSERT INTO usage_days SELECT $1, '1990-01-01Z'::timestamptz + n * interval '1 day', $2, 0, 0, 0, 0, 0, 0, 0, 0
         FROM generate_series(1, 10000) n`,
      [organization.uuid, series.id],
    );
    const asked = { ...NOVEMBER, start: '1990-01-01T00:00:00Z', dry_run: true };
    expect(await fieldsOf(organization.key.secret, asked)).toMatchObject([400, [{ path: 'end' }]]);
    const fewer = { ...asked, start: '1990-01-03T00:00:00Z' };
    expect((await fieldsOf(organization.key.secret, fewer))[0]).toBe(200);
  });
});
