import { beforeAll, describe, expect, it } from 'vitest';
import type { UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { type MadeKey, type MadeTeam, makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';

const meterr = useTestApp();

describe('usage by group', () => {
  let key: string;
  let team: MadeTeam;
  let second: MadeKey;

  const ask = (query: string) => meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key });
  const groupsOf = ({ data }: UsageSummaryAnswer) =>
    data.map(({ group, requests, other }): Record<string, unknown> => ({ ...group, requests, other }));

  beforeAll(async () => {
    const organization = await makeOrganization(meterr());
    key = organization.key.secret;
    team = await makeTeam(meterr(), organization);
    second = await makeKey(meterr(), organization, { scopes: ['usage:write'] });
    await makeUsage(meterr(), key, [
      { cost: '5', model: 'm-5', user_id: 'u-1', tags: { env: 'prod', feature: 'chat' } },
      { cost: '4', model: 'm-4', user_id: 'u-1', tags: { env: 'test' } },
      { cost: '3', model: 'm-3', team_id: team.id },
      { cost: '2', model: 'm-2', user_id: 'u-2', tags: { env: 'prod' }, service_tier: 'batch' },
    ]);
    await makeUsage(meterr(), second.secret, [{ cost: '1', model: 'm-1', provider: 'anthropic' }]);
  });

  it('is sorted by cost, each group with its own name', async () => {
    const answer = await ask('group_by=model');
    expect(groupsOf(answer).map(({ model }) => model)).toEqual(['m-5', 'm-4', 'm-3', 'm-2', 'm-1']);
    expect(answer).toMatchObject({ group_by: ['model'], interval: 'none', timezone: 'UTC', totals: { cost: '15' } });
  });

  it.each([
    ['provider', { openai: 4, anthropic: 1 }],
    ['user', { 'u-1': 2, 'u-2': 1, null: 2 }],
    ['service_tier', { standard: 4, batch: 1 }],
    ['tag:env', { prod: 2, test: 1, null: 2 }],
    ['tag:feature', { chat: 1, null: 4 }],
  ])('knows the dimension %s', async (dimension, expected) => {
    const { data } = await ask(`group_by=${dimension}`);
    expect(Object.fromEntries(data.map(({ group, requests }) => [group[dimension], requests]))).toEqual(expected);
  });

  it('names teams and keys by their ids', async () => {
    expect(groupsOf(await ask('group_by=team')).map((group) => group.team)).toEqual(
      [null, team.id].sort((a, b) => (a === null ? -1 : b === null ? 1 : 0)),
    );
    expect(groupsOf(await ask('group_by=api_key')).map((group) => group.api_key)).toContain(second.id);
  });

  it('takes up to three dimensions, as a list or one by one', async () => {
    const list = await ask('group_by=model,user,tag:env');
    expect(list.group_by).toEqual(['model', 'user', 'tag:env']);
    expect(list.data[0]?.group).toEqual({ model: 'm-5', user: 'u-1', 'tag:env': 'prod' });
    expect(await ask('group_by=model&group_by=user&group_by=tag:env')).toEqual(list);
  });

  it('beyond the limit is one group whose values are null, and the sum stays', async () => {
    const answer = await ask('group_by=model,provider&limit=2');
    expect(groupsOf(answer)).toEqual([
      { model: 'm-5', provider: 'openai', requests: 1, other: false },
      { model: 'm-4', provider: 'openai', requests: 1, other: false },
      { model: null, provider: null, requests: 3, other: true },
    ]);
    expect(answer.data[2]?.cost).toBe('6');
    expect(answer.totals).toMatchObject({ requests: 5, cost: '15' });
  });

  it('a group of no value is not the group of the rest', async () => {
    const { data } = await ask('group_by=user&limit=1');
    expect(data.map(({ group, other, requests }) => [group.user, other, requests])).toEqual([
      ['u-1', false, 2],
      [null, true, 3],
    ]);
    const all = await ask('group_by=user');
    expect(all.data.filter(({ group }) => group.user === null)).toMatchObject([{ other: false, requests: 2 }]);
  });

  it.each<[string, number]>([
    ['provider=anthropic', 1],
    ['provider=OpenAI', 4],
    ['model=m-4', 1],
    ['user_id=u-1', 2],
    ['service_tier=batch', 1],
    ['tag.env=prod', 2],
    ['tag.env=prod&tag.feature=chat', 1],
    ['tag.env=prod&user_id=u-2', 1],
    ['model=nothing', 0],
  ])('the filter %s leaves its own', async (filter, requests) => {
    const { totals } = await ask(filter);
    expect(totals.requests).toBe(requests);
    const { data } = await meterr().ok<{ data: UsageEventAnswer[] }>('GET', `/v1/usage/history?${filter}`, { key });
    expect(data).toHaveLength(requests);
  });

  it('is the same in GraphQL', async () => {
    const rest = await ask('group_by=model,tag:env&limit=3&interval=week&timezone=Asia/Kathmandu');
    const query = `{ usage(interval: WEEK, timezone: "Asia/Kathmandu", limit: 3,
        groupBy: [{dimension: MODEL}, {dimension: TAG, key: "env"}]) {
      start end timezone groupBy totals { requests cost } data { start end group { key value } other requests cost } } }`;
    const { usage } = await meterr().data<{
      usage: { data: { group: { key: string; value: string | null }[] }[]; totals: object };
    }>(query, null, { key });
    expect(usage).toMatchObject({ start: rest.start, end: rest.end, groupBy: rest.group_by });
    expect(
      usage.data.map(({ group, ...row }) => ({
        ...row,
        group: Object.fromEntries(group.map(({ key: name, value }) => [name, value])),
      })),
    ).toEqual(
      rest.data.map(({ start, end, group, other, requests, cost }) => ({ start, end, group, other, requests, cost })),
    );
  });

  it('ranks groups over the whole range, so that each interval shows the same ones', async () => {
    await makeUsage(meterr(), key, [{ cost: '0.5', model: 'm-1', timestamp: '2026-11-01T00:00:00Z' }]);
    const { data } = await ask('group_by=model&interval=day&limit=2');
    expect(data.map(({ start, group, other }) => [start.slice(0, 10), group.model, other])).toEqual([
      ['2026-11-01', null, true],
      ['2026-11-22', 'm-5', false],
      ['2026-11-22', 'm-4', false],
      ['2026-11-22', null, true],
    ]);
  });
});

describe('without a range', () => {
  it('it is this calendar month in the zone asked for', async () => {
    const { clock, ok } = meterr();
    clock.set('2026-11-30T19:00:00Z');
    const ask = async (query: string) => {
      const { start, end } = await ok<UsageSummaryAnswer>('GET', `/v1/usage${query}`);
      return [start, end];
    };
    expect(await ask('')).toEqual(['2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z']);
    const kolkata = await ask('?timezone=Asia/Kolkata');
    clock.set('2026-11-22T10:00:00Z');
    expect(kolkata).toEqual(['2026-11-30T18:30:00.000Z', '2026-12-31T18:30:00.000Z']);
  });
});

it('a late event lands in its own period, and in no other', async () => {
  const { ok } = meterr();
  const { key } = await makeOrganization(meterr());
  const options = { key: key.secret };
  await makeUsage(meterr(), key.secret, [
    { timestamp: '2025-02-28T23:59:59.999Z', cost: '1' },
    { timestamp: '2025-03-01T00:00:00Z', cost: '2' },
    { cost: '4' },
  ]);
  const months = await ok<UsageSummaryAnswer>(
    'GET',
    '/v1/usage?interval=month&start=2025-01-01T00:00:00Z&end=2027-01-01T00:00:00Z',
    options,
  );
  expect(months.data.map(({ start, cost }) => [start.slice(0, 7), cost])).toEqual([
    ['2025-02', '1'],
    ['2025-03', '2'],
    ['2026-11', '4'],
  ]);
  expect((await ok<UsageSummaryAnswer>('GET', '/v1/usage', options)).totals.cost).toBe('4');
});

describe('a voided event', () => {
  it('is out of every sum, once, and both rows stay', async () => {
    const { ok, rest } = meterr();
    const { key } = await makeOrganization(meterr());
    const options = { key: key.secret };
    const [id] = await makeUsage(meterr(), key.secret, [
      { cost: '7', user_id: 'u', tags: { env: 'prod' }, timestamp: '2026-10-05T00:00:00Z' },
      { cost: '1', user_id: 'u', timestamp: '2026-10-05T00:00:00Z' },
    ]);
    const voiding = () =>
      rest<UsageEventAnswer>('POST', `/v1/usage/${id}/void`, { ...options, body: { reason: 'sent twice' } });
    const first = await voiding();
    expect(first).toMatchObject({ status: 201, body: { requests: -1, cost: '-7', input_tokens: -1000, voids: id } });
    const again = await voiding();
    expect({ status: again.status, id: again.body.id }).toEqual({ status: 200, id: first.body.id });
    const many = await Promise.all(Array.from({ length: 5 }, voiding));
    expect(many.every(({ status }) => status === 200)).toBe(true);
    for (const query of ['', '&group_by=user', '&group_by=tag:env', '&interval=hour']) {
      const path = `/v1/usage?start=2026-10-01T00:00:00Z&end=2026-11-01T00:00:00Z${query}`;
      const { totals } = await ok<UsageSummaryAnswer>('GET', path, options);
      expect(totals).toMatchObject({ requests: 1, cost: '1', input_tokens: 1000 });
    }
    expect((await ok<{ data: object[] }>('GET', '/v1/usage/history', options)).data).toHaveLength(3);
    const reversing = await rest('POST', `/v1/usage/${first.body.id}/void`, { ...options, body: { reason: 'back' } });
    expect({ status: reversing.status, code: reversing.error?.code }).toEqual({ status: 409, code: 'conflict' });
  });
});
