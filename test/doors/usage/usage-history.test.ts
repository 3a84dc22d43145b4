import { beforeAll, describe, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, makeOrganization, makeUsage } from '../../harness/make.ts';

const meterr = useTestApp();

type Page = ListAnswer<UsageEventAnswer>;

const page = (key: string, query = '') => meterr().ok<Page>('GET', `/v1/usage/history?${query}`, { key });

async function walk(key: string, query: string, between: (turn: number) => Promise<void> = async () => {}) {
  const seen: UsageEventAnswer[] = [];
  let cursor: string | null = null;
  for (let turn = 0; ; turn++) {
    const next: Page = await page(key, `${query}${cursor ? `&cursor=${cursor}` : ''}`);
    seen.push(...next.data);
    expect(next.has_more).toBe(next.next_cursor !== null);
    if (!next.next_cursor) return seen;
    cursor = next.next_cursor;
    await between(turn);
  }
}

describe('the history', () => {
  let key: string;
  let ids: string[];

  beforeAll(async () => {
    key = (await makeOrganization(meterr())).key.secret;
    const events = Array.from({ length: 55 }, (_, i) => ({
      id: `e-${i}`,
      timestamp: new Date(Date.parse('2026-11-01T00:00:00Z') + i * 60_000).toISOString(),
      output_tokens: i,
    }));
    ids = (await makeUsage(meterr(), key, events)).reverse();
  });

  it('is newest first by the time of the event, 20 a page', async () => {
    const first = await page(key);
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 20));
    expect(first.has_more).toBe(true);
  });

  it.each([1, 7, 20, 54, 55, 100])('in pages of %i is every event once', async (limit) => {
    if (limit === 1)
      expect((await walk(key, 'limit=1&start=2026-11-01T00:50:00Z')).map(({ id }) => id)).toEqual(ids.slice(0, 5));
    else expect((await walk(key, `limit=${limit}`)).map(({ id }) => id)).toEqual(ids);
  });

  it('takes filters of events and of their series together, whatever they fit', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    const tagged = { user_id: 'u-1', tags: { env: 'prod', feature: 'chat' } };
    await makeUsage(meterr(), secret, [{ id: 'tagged', ...tagged }, { id: 'plain' }]);
    const filters = ['provider=openai', 'model=gpt-4o', 'user_id=u-1', 'tag.env=prod', 'tag.feature=chat'];
    const wrong = ['provider=mistral', 'model=nothing', 'user_id=u-2', 'tag.env=dev', 'tag.other=x'];
    for (let chosen = 1; chosen < 2 ** filters.length; chosen++) {
      const right = filters.filter((_, i) => chosen & (2 ** i));
      const found = await page(secret, right.join('&'));
      const all = right.every((filter) => filter.startsWith('provider') || filter.startsWith('model'));
      expect(found.data.map(({ event_id }) => event_id).sort()).toEqual(all ? ['plain', 'tagged'] : ['tagged']);
      const last = wrong[Math.floor(Math.log2(chosen))] ?? '';
      expect((await page(secret, [...right.slice(0, -1), last].join('&'))).data).toEqual([]);
    }
  });

  it('has no next page where the last one is just full', async () => {
    expect(await page(key, 'limit=55')).toMatchObject({ has_more: false, next_cursor: null });
  });

  it('takes a range: start is in, end is not', async () => {
    const { data } = await page(key, 'start=2026-11-01T00:10:00Z&end=2026-11-01T00:13:00Z');
    expect(data.map(({ event_id }) => event_id)).toEqual(['e-12', 'e-11', 'e-10']);
    const precise = await page(key, 'start=2026-11-01T00:10:00.001Z&end=2026-11-01T00:12:00.001Z');
    expect(precise.data.map(({ event_id }) => event_id)).toEqual(['e-12', 'e-11']);
  });

  it('is the same in GraphQL, with a cursor on each edge', async () => {
    const { data } = meterr();
    const query = `query ($after: String) { usageEvents(first: 10, after: $after) {
      edges { cursor node { id eventId outputTokens } } pageInfo { hasNextPage endCursor hasPreviousPage startCursor } } }`;
    interface Answer {
      usageEvents: {
        edges: { cursor: string; node: { id: string } }[];
        pageInfo: { hasNextPage: boolean; endCursor: string | null; hasPreviousPage: boolean; startCursor: string };
      };
    }
    const first = (await data<Answer>(query, null, { key })).usageEvents;
    expect(first.edges.map(({ node }) => node.id)).toEqual(ids.slice(0, 10));
    expect(first.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: first.edges[0]?.cursor,
      endCursor: first.edges[9]?.cursor,
    });
    const after = first.edges[4]?.cursor;
    const second = (await data<Answer>(query, { after }, { key })).usageEvents;
    expect(second.edges.map(({ node }) => node.id)).toEqual(ids.slice(5, 15));
    expect(second.pageInfo.hasPreviousPage).toBe(true);
  });

  it.each([
    ['text/csv', (text: string) => text.trim().split('\r\n').slice(1)],
    ['application/x-ndjson', (text: string) => text.trim().split('\n')],
  ])('streams the whole of it as %s', async (accept, linesOf) => {
    const { status, headers, text } = await meterr().rest('GET', '/v1/usage/history', { key, headers: { accept } });
    expect({ status, type: headers.get('content-type')?.split(';')[0] }).toEqual({ status: 200, type: accept });
    const lines = linesOf(text);
    expect(lines).toHaveLength(ids.length);
    lines.forEach((line, i) => {
      expect(line).toContain(ids[i]);
    });
  });
});

it('events recorded while a caller walks shift nothing: each that was there is seen once', async () => {
  const { key } = await makeOrganization(meterr());
  const at = (i: number) => new Date(Date.parse('2026-11-02T00:00:00Z') + i * 1000).toISOString();
  const before = await makeUsage(
    meterr(),
    key.secret,
    Array.from({ length: 60 }, (_, i) => ({ timestamp: at(i * 10) })),
  );
  const seen = await walk(key.secret, 'limit=9', async (turn) => {
    // Newer than all, older than all, and amid what was seen and what was not.
    const times = [at(10_000 + turn), at(-turn), at(turn * 97 + 3), at(595 - turn * 91)];
    await makeUsage(
      meterr(),
      key.secret,
      times.map((timestamp) => ({ timestamp })),
    );
  });
  const ids = seen.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => before.includes(id))).toEqual([...before].reverse());
  const times = seen.map(({ timestamp }) => timestamp);
  expect(times).toEqual([...times].sort().reverse());
});

it('recorded_after finds what came late, whatever its own time', async () => {
  const { clock } = meterr();
  const { key } = await makeOrganization(meterr());
  await makeUsage(meterr(), key.secret, [{ id: 'early' }]);
  const mark = new Date(clock.now()).toISOString();
  clock.advance(60_000);
  await makeUsage(meterr(), key.secret, [{ id: 'late', timestamp: '2020-01-01T00:00:00Z' }]);
  const { data } = await page(key.secret, `recorded_after=${mark}`);
  clock.advance(-60_000);
  expect(data.map(({ event_id }) => event_id)).toEqual(['late']);
});

it('many events of one millisecond are paged without loss', async () => {
  const { key } = await makeOrganization(meterr());
  const ids = await makeUsage(
    meterr(),
    key.secret,
    Array.from({ length: 50 }, () => EVENT),
  );
  const seen = await walk(key.secret, 'limit=7');
  expect(seen.map(({ id }) => id).sort()).toEqual([...ids].sort());
});
