import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { blockWriters, countWaiting } from '../../harness/domain.ts';
import { EVENT, EVENT_COST, type MadeOrganization, makeKey, makeOrganization, makeUsage } from '../../harness/make.ts';
import { waitUntil } from '../../harness/wait-until.ts';

const meterr = useTestApp({ env: { METERR_USAGE_QUEUE_EVENTS: '20000' } });
const NDJSON = 'application/x-ndjson';

/**
 * Copies an organization's one event `count` times behind the product's back, a second apart, all
 * before it.
 */
async function multiply({ uuid }: MadeOrganization, count: number): Promise<void> {
  const { rows: columns } = await meterr().sql.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'usage_events'
        AND column_name NOT IN ('id', 'event_id', 'time', 'position')`,
  );
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  await meterr().sql.query(
    `INSERT INTO usage_events (id, event_id, time, ${names})
     SELECT uuid_v7_at(at), 'copy-' || n, at, ${names}
       FROM usage_events e, generate_series(1, $2::int) n, LATERAL (SELECT e.time - n * interval '1 second' AS at) t
      WHERE organization_id = $1`,
    [uuid, count],
  );
}

/**
 * How many pages of the history were begun, each in a snapshot, since the last time this was asked.
 */
function countPages(): () => number {
  const spy = vi.spyOn(pg.Client.prototype, 'query');
  return () => {
    const { calls } = spy.mock;
    const pages = calls.filter(
      ([query]) => typeof query === 'string' && query.startsWith('BEGIN ISOLATION LEVEL REPEATABLE READ'),
    );
    spy.mockClear();
    return pages.length;
  };
}

async function openStream(key: string, accept: string, query = '') {
  const headers = { authorization: `Bearer ${key}`, accept };
  const response = await meterr().fetch(`/v1/usage/history${query}`, { headers });
  expect(response.status).toBe(200);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  /** The next piece of text, or null at the end. */
  const next = async () => {
    const { done, value } = await reader.read();
    return done ? null : decoder.decode(value, { stream: true });
  };
  return { response, next, cancel: () => reader.cancel() };
}

describe('the whole history as a stream', () => {
  /** Over a socket so many that no buffer holds them: 55 MB. */
  const COPIES = inject('through') === 'fetch' ? 9_000 : 60_000;
  const PAGE = 1_000;
  let organization: MadeOrganization;
  let key: string;

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    key = organization.key.secret;
    await makeUsage(meterr(), key, [{ id: 'the last', user_id: 'a "quoted", user', tags: { 'a,b': 'c"d\r\n' } }]);
    await multiply(organization, COPIES);
    await meterr().sql.query('ANALYZE usage_events, usage_series');
  });

  it('is read page by page as its reader takes it: what is not taken is not read', async () => {
    const pagesRead = countPages();
    const stalled = await openStream(key, NDJSON);
    expect(await stalled.next()).not.toBeNull();
    const whenStalled = pagesRead();
    // Another reader takes all of it meanwhile: there was time enough for the first one, had it not
    // been held back.
    const other = await openStream(key, NDJSON);
    let text = '';
    for (let piece = await other.next(); piece !== null; piece = await other.next()) text += piece;
    const aheadOfReader = whenStalled + pagesRead() - (COPIES / PAGE + 1);
    // Through `fetch` not one page more than is read; a socket holds some in its buffers.
    expect(aheadOfReader).toBeLessThanOrEqual(inject('through') === 'fetch' ? 2 : 30);
    const lines = text.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.length).toBe(COPIES + 1);
    const times = lines.map((line) => (JSON.parse(line) as UsageEventAnswer).timestamp);
    expect(times).toEqual(times.toSorted().reverse());
    expect(new Set(times).size).toBe(COPIES + 1);

    // The one that waited goes on, and what is recorded meanwhile is in nobody's way.
    const late = [0.5, COPIES / 3, COPIES - 1_000, COPIES + 1_000].map((seconds) => ({
      id: `late ${seconds}`,
      timestamp: new Date(Date.parse(times[0] ?? '') - seconds * 1000 - 1).toISOString(),
    }));
    let rest = '';
    let pieces = 0;
    for (let piece = await stalled.next(); piece !== null; piece = await stalled.next()) {
      if (pieces++ === 3) await makeUsage(meterr(), key, late);
      rest += piece;
    }
    const seen = rest.match(/"event_id":"[^"]*"/g) ?? [];
    expect(new Set(seen).size).toBe(seen.length);
    const copies = seen.filter((name) => name.includes('copy-'));
    expect(copies).toEqual(
      Array.from({ length: copies.length }, (_, i) => `"event_id":"copy-${COPIES - copies.length + 1 + i}"`),
    );
    expect(copies.length).toBeGreaterThan(COPIES - 40 * PAGE);
  });

  it('may be broken off: nothing more is read', async () => {
    const pagesRead = countPages();
    const { next, cancel } = await openStream(key, 'text/csv');
    await next();
    await cancel();
    await meterr().ok('GET', '/v1/usage/history?limit=1', { key });
    pagesRead();
    await meterr().ok('GET', '/v1/usage/history?limit=1', { key });
    expect(pagesRead()).toBe(1);
  });

  it('is the same as CSV: a head, then a line of every field each, quoted as RFC 4180 has it', async () => {
    const range = '?start=2026-11-22T09:50:00Z';
    const [csv, ndjson] = await Promise.all(
      ['text/csv', NDJSON].map((accept) =>
        meterr().rest('GET', `/v1/usage/history${range}`, { key, headers: { accept } }),
      ),
    );
    expect(csv?.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const events = (ndjson?.text ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.length).toBeGreaterThan(600);
    const [head = [], ...rows] = parseCsv(csv?.text ?? '');
    expect(head).toEqual(Object.keys(events[0] ?? {}));
    const field = (value: unknown) =>
      value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
    expect(rows).toEqual(events.map((event) => Object.values(event).map(field)));
    expect(rows[0]?.[head.indexOf('user_id')]).toBe('a "quoted", user');
  });

  it.each(['text/csv', NDJSON])('of nothing, and refused, is told before it begins (%s)', async (accept) => {
    const nobody = (await makeOrganization(meterr())).key.secret;
    const options = { key: nobody, headers: { accept } };
    const empty = await meterr().rest('GET', '/v1/usage/history', options);
    expect({ status: empty.status, lines: empty.text.split('\r\n').length }).toEqual({
      status: 200,
      lines: accept === NDJSON ? 1 : 2,
    });
    const bad = await meterr().rest('GET', '/v1/usage/history?start=yesterday', options);
    expect({ status: bad.status, code: bad.error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    const { secret } = await makeKey(meterr(), organization, { scopes: ['usage:write'] });
    const forbidden = await meterr().rest('GET', '/v1/usage/history', { key: secret, headers: { accept } });
    expect(forbidden.status).toBe(403);
  });
});

/** RFC 4180, read by the letter. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

describe('events as lines', () => {
  const line = (event: object) => JSON.stringify({ ...EVENT, ...event });
  const lines = (count: number) => Array.from({ length: count }, (_, i) => line({ id: `line-${i}` }));
  const send = (key: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    meterr().rest<BatchAnswer>('POST', '/v1/usage', { key, body, headers: { 'content-type': NDJSON, ...headers } });
  const countOf = async (key: string) =>
    (await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage', { key })).totals.requests;
  const newKey = async () => (await makeOrganization(meterr())).key.secret;
  const gzip = (text: string | Buffer) => new Uint8Array(gzipSync(text));

  it('10,000 are all recorded, an answer each in order; sent again, gzipped, they are all known', async () => {
    const key = await newKey();
    const body = lines(10_000).join('\n');
    const first = await send(key, body);
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ created: 10_000, duplicates: 0, conflicts: 0, invalid: 0 });
    expect(first.body.data.map(({ index }) => index)).toEqual(first.body.data.map((_, i) => i));
    expect(new Set(first.body.data.map(({ id }) => id)).size).toBe(10_000);
    const again = await send(key, gzip(`${body}\n`), { 'content-encoding': 'gzip' });
    expect(again.body).toMatchObject({ created: 0, duplicates: 10_000 });
    expect(again.body.data.map(({ id }) => id)).toEqual(first.body.data.map(({ id }) => id));
    expect(await countOf(key)).toBe(10_000);
  });

  it.each([
    ['10,001', () => lines(10_001).join('\n')],
    ['none', () => ''],
    ['only empty ones', () => '\n\r\n \n'],
  ])('%s are refused, and nothing is stored', async (_, body) => {
    const key = await newKey();
    const { status, error } = await send(key, body());
    expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    expect(await countOf(key)).toBe(0);
  });

  it('bad ones are named by their place, and hold up nobody; empty ones do not count', async () => {
    const key = await newKey();
    const sent = [
      line({ id: 'a' }),
      '',
      '{"provider": "openai", ',
      '"a text"',
      line({ input_tokens: -5 }),
      `  ${line({ id: 'a' })}\r`,
      line({ id: 'a', output_tokens: 1 }),
      line({ wrong_name: 1 }),
      '[]',
      line({ id: 'b' }),
    ];
    const { status, body } = await send(key, sent.join('\n'), { 'content-type': `${NDJSON}; charset=utf-8` });
    expect(status).toBe(200);
    expect(body.data.map(({ index, status: became }) => `${index} ${became}`)).toEqual([
      '0 created',
      '1 invalid',
      '2 invalid',
      '3 invalid',
      '4 duplicate',
      '5 conflict',
      '6 invalid',
      '7 invalid',
      '8 created',
    ]);
    expect(body.data[3]?.error?.details.fields).toMatchObject([{ path: 'input_tokens' }]);
    expect(body.data[6]?.error?.details.fields).toMatchObject([{ path: 'wrong_name' }]);
    expect(body.data[1]?.error?.code).toBe('invalid_request');
    expect(await countOf(key)).toBe(2);
  });

  it('the same id in lines far apart is one event, whichever transaction is first', async () => {
    const key = await newKey();
    const far = lines(5_000);
    for (const at of [999, 1_000, 2_500, 4_999]) far[at] = line({ id: 'line-0' });
    const { body } = await send(key, far.join('\n'));
    expect(body).toMatchObject({ created: 4_996, duplicates: 4 });
    expect(new Set([0, 999, 1_000, 2_500, 4_999].map((at) => body.data[at]?.id)).size).toBe(1);
    expect(await countOf(key)).toBe(4_996);
  });

  it('a body over 10 MiB is 413, gzipped or not, and nothing of it is stored', async () => {
    const key = await newKey();
    const long = Array.from({ length: 800 }, (_, i) =>
      line({ id: `l-${i}`, metadata: { text: 'x'.repeat(13_000) + randomBytes(500).toString('hex') } }),
    );
    const text = long.join('\n');
    for (const [body, headers] of [
      [text, {}],
      [gzip(text), { 'content-encoding': 'gzip' }],
      [gzip(Buffer.alloc(40 * 1_048_576, '\n')), { 'content-encoding': 'gzip' }],
    ] as const) {
      const { status, error } = await send(key, body, headers);
      expect({ status, code: error?.code }).toEqual({ status: 413, code: 'payload_too_large' });
    }
    expect(await countOf(key)).toBe(0);
    expect((await send(key, gzip(long.slice(0, 700).join('\n')), { 'content-encoding': 'gzip' })).body.created).toBe(
      700,
    );
  });

  it('gzip works for a single event too, and what is none is refused', async () => {
    const key = await newKey();
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const body = gzip(line({}));
    expect(gunzipSync(body).toString()).toBe(line({}));
    const single = await meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { key, body, headers });
    expect({ status: single.status, cost: single.body.cost }).toEqual({ status: 201, cost: EVENT_COST });
    expect((await meterr().rest('POST', '/v1/usage', { key, body: line({}), headers })).error?.code).toBe(
      'invalid_request',
    );
  });
});

describe('lines that find the queue full', () => {
  const small = useTestApp({ env: { METERR_USAGE_QUEUE_EVENTS: '100' } });

  it('are refused alone: what is recorded of the others is answered as recorded', async () => {
    const { rest, ok, sql } = small();
    const { key, uuid } = await makeOrganization(small());
    const options = { key: key.secret };
    await ok('POST', '/v1/usage', { ...options, body: EVENT });
    const writers = await blockWriters(sql, uuid);
    const inFlight = ok('POST', '/v1/usage', { ...options, body: EVENT });
    await writers.waiting();
    // Of two that fill the queue one is refused: then the other is in it.
    const fill = () =>
      rest('POST', '/v1/usage', { ...options, body: { events: Array.from({ length: 100 }, () => EVENT) } });
    const filling = [fill(), fill()];
    expect((await Promise.race(filling)).status).toBe(503);
    // The second thousand begins with a model that is new, and its series is not to be had yet.
    const series = await sql.connect();
    await series.query('BEGIN; LOCK TABLE usage_series IN EXCLUSIVE MODE');
    const lines = Array.from({ length: 1_001 }, (_, i) => ({ ...EVENT, model: i < 1_000 ? EVENT.model : 'another' }));
    const body = lines.map((event) => JSON.stringify(event)).join('\n');
    const sending = rest<BatchAnswer>('POST', '/v1/usage', { ...options, body, headers: { 'content-type': NDJSON } });
    await waitUntil('the second thousand waits for its series', async () => {
      return (await countWaiting(sql, 'usage_series')) === 1;
    });
    await writers.release();
    await Promise.all([inFlight, ...filling]);
    await series.query('ROLLBACK');
    series.release();
    const answer = await sending;
    expect({ status: answer.status, created: answer.body.created, invalid: answer.body.invalid }).toEqual({
      status: 200,
      created: 1,
      invalid: 1_000,
    });
    expect(answer.body.data[0]?.error?.code).toBe('unavailable');
    expect(answer.body.data[1_000]?.status).toBe('created');
    const { totals } = await ok<UsageSummaryAnswer>('GET', '/v1/usage', options);
    expect(totals.requests).toBe(1 + 1 + 100 + 1);
  });
});
