import { beforeAll, expect, it } from 'vitest';
import type { Context } from '../../src/domain/context.ts';
import { recordUsageBatch } from '../../src/domain/usage/record-usage-batch.ts';
import { summarizeUsage, type UsageQuestion } from '../../src/domain/usage/summarize-usage.ts';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { useTestDomain } from '../harness/domain.ts';
import { EVENT_INPUT, makeOrganization } from '../harness/make.ts';

// The sums of one user are found by an index, those of all users by reading whole days: two ways to
// the same figures.

const DAY_MS = 86_400_000;
const EDGES_MS = [0, 1, DAY_MS / 2, DAY_MS - 1];
const FIRST_MS = Date.parse('2026-11-01T00:00:00Z');
const END = new Date('2026-11-22T00:00:00Z');
const domain = useTestDomain();
let context: Context;

beforeAll(async () => {
  context = await domain().contextOf(await makeOrganization(domain()));
  // Days apart, several sets of tags a user, and both edges of each UTC day.
  const events = Array.from({ length: 400 }, (_, i) => ({
    ...EVENT_INPUT,
    inputTokens: 1 + i,
    userId: `u${i % 3}`,
    tags: { feature: `f${i % 7}` },
    timestamp: new Date(FIRST_MS + (i % 20) * DAY_MS + (EDGES_MS[i % 4] ?? 0)),
  }));
  const { created } = await recordUsageBatch(context, events);
  expect(created).toBe(events.length);
  await foldUsage(domain().resources.database);
  // Some that the fold has not reached.
  await recordUsageBatch(context, events.slice(0, 50));
});

const BY_USER = { name: 'user', key: null } as const;

it.each<[string, UsageQuestion]>([
  ['in all', {}],
  ['by day', { interval: 'day' }],
  ['by week', { interval: 'week' }],
  ['by day of a zone between two UTC days', { interval: 'day', timezone: 'Asia/Kolkata' }],
  ['by day, from the middle of a day', { interval: 'day', start: new Date(FIRST_MS + DAY_MS / 3) }],
  ['by day and model', { interval: 'day', groupBy: [{ name: 'model', key: null }] }],
  ['by day and tag', { interval: 'day', groupBy: [{ name: 'tag', key: 'feature' }] }],
  ['by day with a tag', { interval: 'day', filter: { tags: [{ key: 'feature', value: 'f3' }] } }],
])('the sums of one user are those of his group among all: %s', async (_, question) => {
  const asked = { start: new Date(FIRST_MS), end: END, ...question };
  const groupBy = [...(question.groupBy ?? []), BY_USER];
  const all = await summarizeUsage(context, { ...asked, groupBy });
  for (const userId of ['u0', 'u1', 'u2', 'nobody']) {
    const one = await summarizeUsage(context, { ...asked, groupBy, filter: { ...question.filter, userId } });
    expect(one.groups).toEqual(all.groups.filter(({ values }) => values.at(-1) === userId));
  }
  expect(all.groups.length).toBeGreaterThan(2);
});
