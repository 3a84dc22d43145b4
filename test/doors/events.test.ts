import { describe, expect, it } from 'vitest';
import type { ListAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { type MadeOrganization, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import { type EventAnswer, makeBudget, pathsOf, readEvents } from './budget-answers.ts';

const meterr = useTestApp();
const newOrganization = () => makeOrganization(meterr());
const make = (organization: MadeOrganization, body: object) => makeBudget(meterr(), organization, body);

describe('events', () => {
  it('have the data of the contract, letter by letter', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const usd = await make(organization, { amount: '0.01', thresholds: [100], scope: { team_id: team.id } });
    const tokens = await make(organization, { amount: undefined, tokens: 2_000, per: 'user', thresholds: [] });
    await makeUsage(meterr(), key, Array(2).fill({ team_id: team.id, user_id: 'u-42' }));
    const month = {
      period_start: '2026-11-01T00:00:00.000Z',
      period_end: '2026-12-01T00:00:00.000Z',
      crossing: 1,
    };
    const ofUsd = { team_id: team.id, limit: '0.01', current: '0.015', budget_id: usd.id, unit: 'usd', subject: null };
    const ofTokens = {
      team_id: null,
      limit: 2_000,
      current: 3_000,
      budget_id: tokens.id,
      unit: 'tokens',
      subject: 'u-42',
    };
    const envelope = { id: expect.stringMatching(/^event_[0-7][0-9a-z]{25}$/), created_at: DEFAULT_NOW };
    const told = await readEvents(meterr(), key);
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        { ...envelope, event: 'budget.threshold_reached', data: { ...ofUsd, ...month, threshold: 100 } },
        { ...envelope, event: 'usage.exceeded', data: { ...ofUsd, ...month } },
        { ...envelope, event: 'usage.exceeded', data: { ...ofTokens, ...month } },
      ]),
    );
    const { events } = await meterr().data<{ events: { edges: { node: { data: object } }[] } }>(
      '{ events(types: [USAGE_EXCEEDED]) { edges { node { id event createdAt data } } } }',
      null,
      { key },
    );
    expect(events.edges.map(({ node }) => node.data)).toContainEqual({
      teamId: team.id,
      limit: '0.01',
      current: '0.015',
      budgetId: usd.id,
      unit: 'usd',
      periodStart: month.period_start,
      periodEnd: month.period_end,
      subject: null,
      crossing: 1,
    });
  });

  it('are listed newest first, page by page, and by type', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    await make(organization, { amount: '1', thresholds: [10, 20, 30, 40, 100] });
    for (const cost of ['0.1', '0.1', '0.1', '0.1', '0.6']) await makeUsage(meterr(), key, [{ cost }]);
    const list = (query: string) => meterr().ok<ListAnswer<EventAnswer>>('GET', `/v1/events?${query}`, { key });
    const pages: EventAnswer[][] = [];
    let cursor = '';
    for (let more = true; more; ) {
      const page = await list(`limit=2${cursor}`);
      pages.push(page.data);
      more = page.has_more;
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(pages.map((page) => page.map(({ data }) => data.threshold))).toEqual([
      [undefined, 100],
      [40, 30],
      [20, 10],
    ]);
    const exceeded = await list('type=usage.exceeded');
    expect(exceeded.data.map(({ event }) => event)).toEqual(['usage.exceeded']);
    expect((await list('type=credits.low')).data).toEqual([]);
    for (const [query, path] of [
      ['type=usage.imagined', 'type'],
      ['limit=0', 'limit'],
      ['cursor=x', 'cursor'],
    ] as const) {
      const { error } = await meterr().rest('GET', `/v1/events?${query}`, { key });
      expect(pathsOf(error)).toEqual({ code: 'invalid_request', paths: [path] });
    }
  });

  it('are listed after one of them, oldest first, page by page, and by team', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    await make(organization, { amount: '1', thresholds: [10, 20, 30, 40] });
    await make(organization, { amount: '0.1', thresholds: [], scope: { team_id: team.id } });
    for (const cost of ['0.1', '0.1', '0.1', '0.1']) await makeUsage(meterr(), key, [{ cost }]);
    const list = (query: string) => meterr().ok<ListAnswer<EventAnswer>>('GET', `/v1/events?${query}`, { key });
    const [first] = (await list('limit=100')).data.toReversed();
    const since = await list(`since=${first?.id}&limit=2`);
    expect(since.data.map(({ data }) => data.threshold)).toEqual([20, 30]);
    expect(since.has_more).toBe(true);
    const rest = await list(`since=${first?.id}&limit=2&cursor=${since.next_cursor}`);
    expect(rest).toMatchObject({ data: [{ data: { threshold: 40 } }], has_more: false });
    expect((await list(`team_id=${team.id}`)).data).toEqual([]);
    await makeUsage(meterr(), key, [{ cost: '0.1', team_id: team.id }]);
    const told = await list(`team_id=${team.id}&since=${first?.id}`);
    expect(told.data.map(({ event }) => event)).toEqual(['usage.exceeded']);
    const { events } = await meterr().data<{ events: { edges: { node: object }[] } }>(
      `query ($teamId: ID, $since: ID) { events(teamId: $teamId, since: $since) { edges { node {
         event payload { __typename ... on UsageExceeded { limit unit teamId periodStart } } } } } }`,
      { teamId: team.id, since: first?.id },
      { key },
    );
    const payload = { __typename: 'UsageExceeded', limit: '0.1', unit: 'USD', teamId: team.id };
    expect(events.edges).toEqual([
      { node: { event: 'USAGE_EXCEEDED', payload: { ...payload, periodStart: '2026-11-01T00:00:00.000Z' } } },
    ]);
    const foreign = await newOrganization();
    const foreignTeam = await makeTeam(meterr(), foreign);
    await make(foreign, { amount: '0.001' });
    await makeUsage(meterr(), foreign.key.secret);
    const [theirs] = await readEvents(meterr(), foreign.key.secret);
    for (const [query, path] of [
      [`since=${theirs?.id}`, 'since'],
      ['since=x', 'since'],
      [`team_id=${foreignTeam.id}`, 'team_id'],
      ['team_id=x', 'team_id'],
    ] as const) {
      const { error } = await meterr().rest('GET', `/v1/events?${query}`, { key });
      expect(pathsOf(error)).toEqual({ code: 'invalid_request', paths: [path] });
    }
  });

  it('are those of the own organization only', async () => {
    const [mine, theirs] = [await newOrganization(), await newOrganization()];
    await make(theirs, { amount: '0.001' });
    await makeUsage(meterr(), theirs.key.secret);
    const [one] = await readEvents(meterr(), theirs.key.secret);
    expect(await readEvents(meterr(), mine.key.secret)).toEqual([]);
    const node = (key: string) =>
      meterr().gql<{ node: object | null }>('query ($id: ID!) { node(id: $id) { id } }', { id: one?.id }, { key });
    expect((await node(theirs.key.secret)).data.node).toEqual({ id: one?.id });
    expect((await node(mine.key.secret)).data?.node ?? null).toBeNull();
  });
});
