import { beforeAll, describe, expect, it } from 'vitest';
import { retireUsage } from '../../src/domain/usage/upkeep/retire-usage.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { EVENT, type MadeOrganization, makeKey, makeOrganization, makeTeam } from '../harness/make.ts';

const meterr = useTestApp();
const NOW_MS = Date.parse(DEFAULT_NOW);
const DAY_MS = 86_400_000;
const DAYS = 7;
const daysAgo = (days: number) => new Date(NOW_MS - days * DAY_MS).toISOString();

/** Removes what is older than seven days, as if two more had passed. */
async function retireAll(): Promise<void> {
  const { connectionString } = meterr();
  const database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  await retireUsage(database, null, NOW_MS + 2 * DAY_MS);
  expect(await verifyUsage(database)).toEqual([]);
  await database.close();
}

describe('after its event is retired', () => {
  let organization: MadeOrganization;
  let key: string;
  let first: UsageEventAnswer;
  const send = (body: object, secret = key) =>
    meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { key: secret, body: { ...EVENT, ...body } });

  beforeAll(async () => {
    organization = await makeOrganization(meterr(), { retentionDays: DAYS });
    key = organization.key.secret;
    const old = { timestamp: daysAgo(DAYS - 1), cost: '0.5' };
    first = (await send({ id: 'a', response_id: 'chatcmpl-Rx', ...old })).body;
    await send({ id: 'z', ...old });
    await retireAll();
    expect((await meterr().rest('GET', `/v1/usage/${first.id}`, { key })).status).toBe(404);
  });

  it.each([
    ['the same body', { id: 'a', response_id: 'chatcmpl-Rx', timestamp: daysAgo(DAYS - 1), cost: '0.5' }],
    ['another body, id and time', { id: 'b', response_id: 'chatcmpl-Rx', input_tokens: 7, cost: '9' }],
    ['a time that is older than what is kept', { response_id: 'chatcmpl-Rx', timestamp: daysAgo(DAYS + 5) }],
    [
      'a whole response body of that time',
      {
        ...{ input_tokens: undefined, output_tokens: undefined, timestamp: daysAgo(DAYS + 5) },
        usage: { id: 'chatcmpl-Rx', object: 'chat.completion', usage: { prompt_tokens: 1, completion_tokens: 1 } },
      },
    ],
    ['a team that there is not', { response_id: 'chatcmpl-Rx', team_id: 'team_01kb2m7q4xe0h8t5v6w9y3z1ab' }],
  ])('a response id is known: %s is answered with the id and the cost that are kept', async (_, body) => {
    const { status, body: answer } = await send(body);
    expect({ status, id: answer.id, cost: answer.cost }).toEqual({ status: 200, id: first.id, cost: '0.5' });
    const events = [EVENT, { ...EVENT, ...body }];
    const batch = await meterr().ok<BatchAnswer>('POST', '/v1/usage/batch', { key, body: { events } });
    expect(batch.data).toMatchObject([{ status: 'created' }, { status: 'duplicate', id: first.id, cost: '0.5' }]);
  });

  it('a duplicate’s own event id is free, and one that is too old is refused without the response id', async () => {
    expect((await send({ id: 'b' })).status).toBe(201);
    const { status, error } = await send({ response_id: 'another', timestamp: daysAgo(DAYS + 5) });
    expect([status, error?.details]).toMatchObject([400, { fields: [{ path: 'timestamp' }] }]);
  });

  it('a key of a team is told no cost of it, since whose it was is not kept', async () => {
    const { secret } = await makeKey(meterr(), organization, {
      team: await makeTeam(meterr(), organization),
      scopes: ['usage:write'],
    });
    const { status, body } = await send({ response_id: 'chatcmpl-Rx' }, secret);
    expect([status, body.id, body.cost]).toEqual([200, first.id, '0.0075']);
  });

  it('the known event id of a retired event and a new response id are a conflict', async () => {
    expect((await send({ id: 'z', response_id: 'new' })).status).toBe(409);
    expect((await send({ id: 'y', response_id: 'new' })).status).toBe(201);
  });

  it('sums know it once', async () => {
    const range = `start=${daysAgo(DAYS)}&end=${daysAgo(DAYS - 2)}`;
    const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${range}`, { key });
    expect(totals).toMatchObject({ requests: 2, cost: '1' });
  });
});
