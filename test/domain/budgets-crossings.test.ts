import { describe, expect, it } from 'vitest';
import { type BudgetAnswer, type EventAnswer, readEvents, wordOf } from '../doors/budget-answers.ts';
import type { BatchAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { EVENT, type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';

// What a budget tells, and how often: two server processes on one database, always asked in
// parallel.

const two = useTwoServers();
const NOVEMBER = { period_start: '2026-11-01T00:00:00.000Z', period_end: '2026-12-01T00:00:00.000Z' };
const OCTOBER = { period_start: '2026-10-01T00:00:00.000Z', period_end: '2026-11-01T00:00:00.000Z' };
const IN_OCTOBER = '2026-10-20T10:00:00.000Z';

const newOrganization = () => makeOrganization(two());

function makeBudget({ key }: MadeOrganization, budget: object): Promise<BudgetAnswer> {
  const body = { name: 'Watched', period: 'month', ...budget };
  return two().server(0).ok('POST', '/v1/budgets', { key: key.secret, body });
}

const change = (n: number, { key }: MadeOrganization, { id }: { id: string }, body: object) =>
  two().server(n).ok<BudgetAnswer>('PATCH', `/v1/budgets/${id}`, { key: key.secret, body });

const getBudget = (n: number, { key }: MadeOrganization, { id }: { id: string }) =>
  two().server(n).ok<BudgetAnswer>('GET', `/v1/budgets/${id}`, { key: key.secret });

const record = (n: number, { key }: MadeOrganization, events: readonly object[]) =>
  two()
    .server(n)
    .ok<BatchAnswer>('POST', '/v1/usage', {
      key: key.secret,
      body: { events: events.map((event) => ({ ...EVENT, ...event })) },
    });

const spend = (organization: MadeOrganization, cost: string, more: object = {}) =>
  makeUsage(two().server(1), organization.key.secret, [{ cost, ...more }]);

const eventsOf = ({ key }: MadeOrganization) => readEvents(two().server(0), key.secret);

async function wordsOf(organization: MadeOrganization): Promise<string[]> {
  return (await eventsOf(organization)).map(wordOf);
}

describe('40 parallel batches that cross several thresholds', () => {
  const BATCHES = 40;
  const EACH = 10;
  const THRESHOLDS = [1, 25, 50, 75, 90, 100, 150, 200];
  // In all 160.00…; by user 80.00… each; 600,000 tokens.
  const events = Array.from({ length: BATCHES * EACH }, (_, i) => ({
    id: `crossing-${i}`,
    cost: '0.400000000000000001',
    user_id: i % 2 === 0 ? 'even' : 'odd',
  }));
  const batches = Array.from({ length: BATCHES }, (_, i) => events.slice(i * EACH, (i + 1) * EACH));
  const TOTAL = decimalOf(BigInt(events.length) * attoOf('0.400000000000000001'));

  async function prove() {
    const organization = await newOrganization();
    const budgets = await Promise.all([
      makeBudget(organization, { amount: '100', thresholds: THRESHOLDS }),
      makeBudget(organization, { amount: '100', thresholds: THRESHOLDS, per: 'user' }),
      makeBudget(organization, { tokens: 400_000, thresholds: THRESHOLDS }),
      makeBudget(organization, { amount: '160.0000000000000005', thresholds: THRESHOLDS, action: 'block' }),
    ]);
    const answers = await Promise.all(batches.map((batch, i) => record(i, organization, batch)));
    expect(answers.map(({ created }) => created)).toEqual(batches.map(() => EACH));
    return { organization, budgets };
  }

  /**
   * The thresholds of each counter as they were told; usage.exceeded, which has no place among
   * them, behind.
   */
  function byCounter(raised: readonly EventAnswer[]) {
    const groups = Map.groupBy(raised, ({ data }) => `${data.budget_id} ${data.subject ?? ''}`);
    const isLast = (word: string) => word === 'exceeded';
    return new Map(
      [...groups].map(([counter, list]) => {
        const words = list.map(wordOf);
        return [counter, [...words.filter((word) => !isLast(word)), ...words.filter(isLast)]];
      }),
    );
  }

  it('raise each crossing exactly once for each budget and subject, in the order of the thresholds', async () => {
    const { organization, budgets } = await prove();
    const [all, byUser, tokens, narrow] = budgets.map(({ id }) => id);
    const raised = await eventsOf(organization);
    expect(byCounter(raised)).toEqual(
      new Map([
        [`${all} `, ['1', '25', '50', '75', '90', '100', '150', 'exceeded']],
        [`${byUser} even`, ['1', '25', '50', '75']],
        [`${byUser} odd`, ['1', '25', '50', '75']],
        [`${tokens} `, ['1', '25', '50', '75', '90', '100', '150', 'exceeded']],
        // 160.0000000000000004 of 160.0000000000000005: a ten-quadrillionth below.
        [`${narrow} `, ['1', '25', '50', '75', '90']],
      ]),
    );
    for (const { data } of raised) {
      const percent = (attoOf(String(data.current)) * 100n) / attoOf(String(data.limit));
      expect(percent).toBeGreaterThanOrEqual(BigInt(data.threshold ?? 100));
      expect(data).toMatchObject(NOVEMBER);
    }
    expect(new Set(raised.map(({ id }) => id)).size).toBe(raised.length);
    expect(await getBudget(1, organization, { id: all ?? '' })).toMatchObject({
      spent: TOTAL,
      matched_events: events.length,
    });
  });

  it('add nothing when they are all sent again, in parallel and to the other server', async () => {
    const { organization, budgets } = await prove();
    const before = await eventsOf(organization);
    const answers = await Promise.all(batches.map((batch, i) => record(i + 1, organization, batch)));
    expect(answers.map(({ duplicates }) => duplicates)).toEqual(batches.map(() => EACH));
    expect(await eventsOf(organization)).toEqual(before);
    for (const budget of budgets.slice(0, 1)) {
      expect(await getBudget(0, organization, budget)).toMatchObject({ spent: TOTAL, matched_events: events.length });
    }
  });
});

describe('a threshold', () => {
  it('is told with all the others that one batch jumps over, in ascending order, each once', async () => {
    const organization = await newOrganization();
    const { id } = await makeBudget(organization, { amount: '10', thresholds: [100, 10, 300, 50, 80, 10] });
    await record(0, organization, [{ cost: '5.5' }, { cost: '6.75' }]);
    const raised = await eventsOf(organization);
    expect(raised.map(wordOf)).toEqual(['10', '50', '80', '100', 'exceeded']);
    for (const { data } of raised) expect(data).toMatchObject({ budget_id: id, limit: '10', current: '12.25' });
  });

  it('is reached by exactly its part of the limit, and not by a digit less', async () => {
    const organization = await newOrganization();
    await makeBudget(organization, { amount: '0.000000000000000003', thresholds: [33, 34, 66, 67] });
    await spend(organization, '0.000000000000000001');
    expect(await wordsOf(organization)).toEqual(['33']);
    await spend(organization, '0.000000000000000001');
    expect(await wordsOf(organization)).toEqual(['33', '34', '66']);
    await spend(organization, '0.000000000000000001');
    expect(await wordsOf(organization)).toEqual(['33', '34', '66', '67', 'exceeded']);
  });

  it('is told again in the next period', async () => {
    const organization = await newOrganization();
    await makeBudget(organization, { amount: '10', period: 'day', thresholds: [50], timezone: 'America/New_York' });
    try {
      for (const now of ['2026-11-23T04:59:59.999Z', '2026-11-23T05:00:00.000Z']) {
        await two().setNow(now);
        await spend(organization, '12');
      }
    } finally {
      await two().setNow(DEFAULT_NOW);
    }
    expect((await eventsOf(organization)).map((event) => [wordOf(event), event.data.period_start])).toEqual([
      ['50', '2026-11-22T05:00:00.000Z'],
      ['exceeded', '2026-11-22T05:00:00.000Z'],
      ['50', '2026-11-23T05:00:00.000Z'],
      ['exceeded', '2026-11-23T05:00:00.000Z'],
    ]);
  });

  it('needs no list: without thresholds the limit itself is told', async () => {
    const organization = await newOrganization();
    await makeBudget(organization, { amount: '10', thresholds: [] });
    await spend(organization, '10');
    expect(await wordsOf(organization)).toEqual(['exceeded']);
  });
});

describe('what was used before a budget was made', () => {
  it('counts from its first moment, and what that crosses is raised at once', async () => {
    const organization = await newOrganization();
    await spend(organization, '9', { user_id: 'a' });
    await spend(organization, '3', { user_id: 'b' });
    await spend(organization, '50', { user_id: 'a', timestamp: IN_OCTOBER });
    const { id, spent, matched_events } = await makeBudget(organization, { amount: '10', per: 'user' });
    expect({ spent, matched_events }).toEqual({ spent: '9', matched_events: 1 });
    expect((await eventsOf(organization)).map((event) => [wordOf(event), event.data.subject])).toEqual([
      ['50', 'a'],
      ['80', 'a'],
    ]);
    expect((await getBudget(1, organization, { id })).subjects).toMatchObject([
      { subject: 'a', spent: '9' },
      { subject: 'b', spent: '3' },
    ]);
  });

  it('counts in its own period when a late event comes, and the counter starts from the ledger', async () => {
    const organization = await newOrganization();
    await spend(organization, '60', { timestamp: IN_OCTOBER });
    const { id } = await makeBudget(organization, { amount: '100' });
    expect(await wordsOf(organization)).toEqual([]);
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => record(i, organization, [{ cost: '5', timestamp: IN_OCTOBER }])),
    );
    const raised = await eventsOf(organization);
    expect(raised.map(wordOf)).toEqual(['50', '80', '100', 'exceeded']);
    for (const { data } of raised) expect(data).toMatchObject({ budget_id: id, limit: '100', ...OCTOBER });
    expect(await getBudget(0, organization, { id })).toMatchObject({ spent: '0', ...NOVEMBER });
    const { rows } = await two().sql.query(
      'SELECT spent::float8, matched_events FROM budget_counters WHERE organization_id = $1 AND period_start = $2',
      [organization.uuid, OCTOBER.period_start],
    );
    expect(rows).toEqual([{ spent: 110, matched_events: 11 }]);
  });

  it('raises nothing when it is only sent again', async () => {
    const organization = await newOrganization();
    const old = [{ id: 'old', cost: '60', timestamp: IN_OCTOBER }];
    await record(0, organization, old);
    await makeBudget(organization, { amount: '10' });
    const [again] = await Promise.all([record(0, organization, old), record(1, organization, old)]);
    expect(again.duplicates).toBe(1);
    expect(await wordsOf(organization)).toEqual([]);
  });

  it('counts even in the period that begins after the budget is made, where its clock was ahead', async () => {
    const organization = await newOrganization();
    try {
      await two().setNow('2026-11-30T23:58:00.000Z');
      await spend(organization, '7', { timestamp: '2026-12-01T00:01:00.000Z' });
      const budget = await makeBudget(organization, { amount: '10', thresholds: [50, 80] });
      expect(budget).toMatchObject({ spent: '0', ...NOVEMBER });
      await two().setNow('2026-12-01T00:02:00.000Z');
      expect(await getBudget(1, organization, budget)).toMatchObject({ spent: '7', matched_events: 1 });
      await spend(organization, '1');
      expect(await getBudget(0, organization, budget)).toMatchObject({ spent: '8', matched_events: 2 });
      expect(await wordsOf(organization)).toEqual(['50', '80']);
    } finally {
      await two().setNow(DEFAULT_NOW);
    }
  });
});

describe('a void that crosses back', () => {
  it('raises budget.recovered once, however often and wherever it is asked for', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await makeBudget(organization, { amount: '10', thresholds: [100] });
    await spend(organization, '6');
    const [last] = await spend(organization, '5.5');
    const voids = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        two()
          .server(i)
          .rest('POST', `/v1/usage/${last}/void`, { key, body: { reason: 'never happened' } }),
      ),
    );
    expect(voids.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(voids.every(({ status }) => status < 300)).toBe(true);
    const raised = await eventsOf(organization);
    expect(raised.map(wordOf)).toEqual(['100', 'exceeded', 'recovered']);
    expect(raised[2]).toEqual({
      id: expect.stringMatching(/^event_/),
      event: 'budget.recovered',
      created_at: DEFAULT_NOW,
      data: {
        budget_id: id,
        team_id: null,
        unit: 'usd',
        limit: '10',
        current: '6',
        subject: null,
        crossing: 1,
        ...NOVEMBER,
      },
    });
    // Over it and back again in the same period: that is told, too.
    const [again] = await spend(organization, '4');
    await two()
      .server(1)
      .ok('POST', `/v1/usage/${again}/void`, { key, body: { reason: 'again' } });
    expect(await wordsOf(organization)).toEqual(['100', 'exceeded', 'recovered', 'exceeded', 'recovered']);
    expect(await getBudget(1, organization, { id })).toMatchObject({ spent: '6', matched_events: 1, remaining: '4' });
  });
});

describe('a limit that is changed', () => {
  it('to below what is spent raises at once, and once, however many change it at once', async () => {
    const organization = await newOrganization();
    const budget = await makeBudget(organization, { amount: '100' });
    await spend(organization, '20');
    await Promise.all(Array.from({ length: 10 }, (_, i) => change(i, organization, budget, { amount: '20' })));
    const raised = await eventsOf(organization);
    expect(raised.map(wordOf)).toEqual(['50', '80', '100', 'exceeded']);
    for (const { data } of raised) expect(data).toMatchObject({ limit: '20', current: '20' });
  });

  it('to above it again is a recovery, told once; below once more is a crossing of its own', async () => {
    const organization = await newOrganization();
    const budget = await makeBudget(organization, { amount: '10' });
    await spend(organization, '15');
    await Promise.all(Array.from({ length: 10 }, (_, i) => change(i, organization, budget, { amount: '15.01' })));
    expect(await wordsOf(organization)).toEqual(['50', '80', '100', 'exceeded', 'recovered']);
    await change(0, organization, budget, { amount: '1' });
    await change(1, organization, budget, { amount: '1000' });
    const raised = (await eventsOf(organization)).slice(3);
    expect(raised.map((event) => [wordOf(event), event.data.crossing])).toEqual([
      ['exceeded', 1],
      ['recovered', 1],
      ['exceeded', 2],
      ['recovered', 2],
    ]);
  });

  it('by a raise recovers until its end, and counts again from then on', async () => {
    const organization = await newOrganization();
    const budget = await makeBudget(organization, { amount: '10', thresholds: [100, 120] });
    await spend(organization, '11');
    const raise_until = '2026-11-22T11:00:00.000Z';
    expect(await change(1, organization, budget, { raise_amount: '5', raise_until })).toMatchObject({
      amount: '10',
      limit: '15',
      remaining: '4',
    });
    expect(await wordsOf(organization)).toEqual(['100', 'exceeded', 'recovered']);
    try {
      await two().setNow(raise_until);
      expect((await wordsOf(organization)).slice(3)).toEqual(['exceeded']);
      expect(await getBudget(0, organization, budget)).toMatchObject({ limit: '10', remaining: '-1', percent: 110 });
      await spend(organization, '1');
      expect(await wordsOf(organization)).toEqual(['100', 'exceeded', 'recovered', 'exceeded', '120']);
    } finally {
      await two().setNow(DEFAULT_NOW);
    }
  });

  it('to other thresholds tells the new ones that are reached already', async () => {
    const organization = await newOrganization();
    const budget = await makeBudget(organization, { amount: '10', thresholds: [90] });
    await spend(organization, '7');
    expect(await wordsOf(organization)).toEqual([]);
    await change(1, organization, budget, { thresholds: [60, 70, 71] });
    expect(await wordsOf(organization)).toEqual(['60', '70']);
  });
});

describe('a limit that is crossed, recovered and crossed again', () => {
  it('is told once for each crossing, with its number, by however many writers at once', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await makeBudget(organization, { amount: '10', thresholds: [100], per: 'user' });
    const ROUNDS = 4;
    for (let round = 0; round < ROUNDS; round++) {
      const ids = await Promise.all(
        Array.from({ length: 12 }, (_, i) => makeUsage(two().server(i), key, [{ cost: '1', user_id: 'a' }])),
      );
      const voids = ids.map(([usage], i) =>
        two()
          .server(i)
          .ok('POST', `/v1/usage/${usage}/void`, { key, body: { reason: 'a test' } }),
      );
      await Promise.all(voids);
    }
    const raised = await eventsOf(organization);
    expect(raised.map((event) => [wordOf(event), event.data.crossing])).toEqual([
      ['100', 1],
      ...Array.from({ length: ROUNDS }, (_, i) => [
        ['exceeded', i + 1],
        ['recovered', i + 1],
      ]).flat(),
    ]);
    for (const { data } of raised) expect(data).toMatchObject({ budget_id: id, subject: 'a', ...NOVEMBER });
  });
});

describe('a raise that runs out', () => {
  const RAISE = { raise_amount: '10', raise_until: '2026-11-22T11:00:00.000Z' };

  async function uncovered() {
    const organization = await newOrganization();
    const budget = await makeBudget(organization, { amount: '10', thresholds: [50, 100, 140], ...RAISE });
    await spend(organization, '15');
    expect(await wordsOf(organization)).toEqual(['50']);
    return { organization, budget };
  }

  it.each([
    ['the log of events', () => '/v1/events?limit=1'],
    ['a budget', (id: string) => `/v1/budgets/${id}`],
    ['the list of budgets', () => '/v1/budgets'],
    ['costs', () => '/v1/costs'],
  ])('tells what it uncovers without another event, once, whoever reads %s', async (_, pathOf) => {
    const { organization, budget } = await uncovered();
    const read = (n: number) => two().server(n).ok('GET', pathOf(budget.id), { key: organization.key.secret });
    try {
      await two().setNow(Date.parse(RAISE.raise_until) - 1);
      await Promise.all(Array.from({ length: 4 }, (_, n) => read(n)));
      expect(await wordsOf(organization)).toEqual(['50']);
      await two().setNow(RAISE.raise_until);
      await Promise.all(Array.from({ length: 12 }, (_, n) => read(n)));
      const { rows } = await two().sql.query(
        'SELECT type, data ->> $2 AS word FROM events WHERE organization_id = $1 ORDER BY position',
        [organization.uuid, 'threshold'],
      );
      expect(rows.map(({ type, word }) => word ?? type)).toEqual(['50', '100', '140', 'usage.exceeded']);
    } finally {
      await two().setNow(DEFAULT_NOW);
    }
  });

  it('tells it before the budget is changed, by the rule that was in force', async () => {
    const { organization, budget } = await uncovered();
    try {
      await two().setNow(RAISE.raise_until);
      await change(1, organization, budget, { amount: '100', raise_amount: null, raise_until: null });
      expect(await wordsOf(organization)).toEqual(['50', '100', '140', 'exceeded', 'recovered']);
    } finally {
      await two().setNow(DEFAULT_NOW);
    }
  });
});

describe('while budgets are made, changed and deleted', () => {
  it('every event counts either before a change or after it, and none twice', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const MADE = 6;
    const writers = Array.from({ length: 30 }, (_, i) => record(i, organization, [{ cost: '1' }, { cost: '0.5' }]));
    const made = Array.from({ length: MADE }, async (_, i) => {
      const body = { name: `Budget ${i}`, amount: '1000', period: 'month', thresholds: [1] };
      const budget = await two().server(i).ok<BudgetAnswer>('POST', '/v1/budgets', { key, body });
      if (i % 2 === 0) await two().server(i).ok('DELETE', `/v1/budgets/${budget.id}`, { key });
      else await change(i + 1, organization, budget, { amount: '900' });
      return budget;
    });
    const budgets = await Promise.all(made);
    await Promise.all(writers);
    for (const [i, budget] of budgets.entries()) {
      if (i % 2 === 0) continue;
      expect(await getBudget(i, organization, budget)).toMatchObject({ spent: '45', matched_events: 60 });
    }
    const kept = new Set(budgets.filter((_, i) => i % 2 === 1).map(({ id }) => id));
    const told = (await eventsOf(organization)).filter(({ data }) => kept.has(data.budget_id));
    expect(told.map(({ data }) => data.budget_id).sort()).toEqual([...kept].sort());
  });
});
