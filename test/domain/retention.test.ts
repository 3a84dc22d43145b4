import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { retireUsage } from '../../src/domain/usage/upkeep/retire-usage.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { countWaiting } from '../harness/domain.ts';
import { EVENT, type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';
import { waitUntil } from '../harness/wait-until.ts';

const OPERATOR_KEY = 'operator-key-of-the-tests';
const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
const databases: Database[] = [];
const NOW_MS = Date.parse(DEFAULT_NOW);
const DAY_MS = 86_400_000;
const DAYS = 7;
/** The first day that is surely kept: whole days of UTC are removed. */
const KEPT_FROM_MS = Math.floor((NOW_MS - DAYS * DAY_MS) / DAY_MS) * DAY_MS;
const FIRST_MS = KEPT_FROM_MS - 13 * DAY_MS;
const iso = (timeMs: number) => new Date(timeMs).toISOString();

beforeAll(() => {
  const { connectionString } = meterr();
  for (let i = 0; i < 2; i++) databases.push(openDatabase({ connectionString, connections: 2, onError: () => {} }));
});

afterAll(() => Promise.all(databases.map((database) => database.close())));

const retire = (nowMs = NOW_MS) => Promise.all(databases.map((database) => retireUsage(database, null, nowMs)));

async function keepDays(organization: MadeOrganization, retention_days: number): Promise<void> {
  const options = { key: OPERATOR_KEY, body: { retention_days } };
  await meterr().ok('PATCH', `/v1/organizations/${organization.id}`, options);
}

async function countEvents(organization: MadeOrganization): Promise<number> {
  const query = 'SELECT count(*) AS events FROM usage_events WHERE organization_id = $1';
  return (await meterr().sql.query(query, [organization.uuid])).rows[0].events;
}

const SPREAD = 20 * DAY_MS;
const USERS = ['ann', 'bob', null];

/**
 * Events over twenty days, more than one step of the removal, of all kinds that sums tell apart.
 */
const makeEvents = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `e-${i}`,
    timestamp: iso(FIRST_MS + Math.floor((SPREAD * i) / count)),
    user_id: USERS[i % 3],
    tags: i % 4 === 0 ? { env: 'prod' } : i % 4 === 1 ? { env: 'test', team: String(i % 5) } : {},
    output_tokens: i % 1000,
    model: i % 7 === 0 ? 'unheard-of' : i % 2 === 0 ? 'gpt-4o' : 'gpt-4o-mini',
  }));

const QUESTIONS = [
  'interval=day',
  'interval=hour&group_by=model',
  'interval=day&group_by=user',
  'interval=month&group_by=tag:env,user,model',
  'interval=week&group_by=tag:team&limit=2',
  'tag.env=prod&group_by=user',
  'interval=day&timezone=Asia/Kolkata&group_by=api_key,model',
  'interval=hour&timezone=Australia/Lord_Howe',
];

async function askAll(key: string): Promise<UsageSummaryAnswer[]> {
  const range = `start=${iso(FIRST_MS)}&end=${iso(KEPT_FROM_MS + 7 * DAY_MS)}`;
  return Promise.all(
    QUESTIONS.map((query) => meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${range}&${query}`, { key })),
  );
}

describe('events older than the retention', () => {
  const EVENTS = 7_000;
  let organization: MadeOrganization;
  let other: MadeOrganization;
  let key: string;
  let ids: string[];
  let before: UsageSummaryAnswer[];
  let removed: number[];
  const events = makeEvents(EVENTS);
  const isOld = ({ timestamp }: { timestamp: string }) => Date.parse(timestamp) < KEPT_FROM_MS;
  const firstKept = events.findIndex((event) => !isOld(event));

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    other = await makeOrganization(meterr());
    key = organization.key.secret;
    ids = await makeUsage(meterr(), key, events);
    await makeUsage(meterr(), other.key.secret, makeEvents(50));
    for (const i of [3, 4, EVENTS - 1]) {
      await meterr().ok('POST', `/v1/usage/${ids[i]}/void`, { key, body: { reason: 'a test' } });
    }
    before = await askAll(key);
    expect(before.every(({ totals, data }) => totals.requests > 0 && data.length > 1)).toBe(true);
    await keepDays(organization, DAYS);
    removed = await retire();
  });

  it('are removed once, by two processes at once, in several steps; the others stay', async () => {
    expect(firstKept).toBeGreaterThan(4_000);
    // The reverses of the two that were old went along.
    expect(removed.reduce((sum, count) => sum + count)).toBe(firstKept + 2);
    expect(await countEvents(organization)).toBe(EVENTS + 3 - firstKept - 2);
    expect(await countEvents(other)).toBe(50);
    expect(await retire()).toEqual([0, 0]);
  });

  it('leave every sum as it was: by day, hour, model, user, tag, filter and zone', async () => {
    expect(await askAll(key)).toEqual(before);
    expect(await verifyUsage(databases[0] as Database)).toEqual([]);
  });

  it('are in no list and found by no id', async () => {
    const { data } = await meterr().ok<{ data: UsageEventAnswer[] }>(
      'GET',
      `/v1/usage/history?end=${iso(KEPT_FROM_MS)}`,
      {
        key,
      },
    );
    expect(data).toEqual([]);
    expect((await meterr().rest('GET', `/v1/usage/${ids[0]}`, { key })).status).toBe(404);
    expect((await meterr().rest('GET', `/v1/usage/${ids[firstKept]}`, { key })).status).toBe(200);
    const voiding = { key, body: { reason: 'too late' } };
    expect((await meterr().rest('POST', `/v1/usage/${ids[0]}/void`, voiding)).status).toBe(404);
  });

  it('keep their ids: a repeat is a duplicate with the first id, another body is a conflict', async () => {
    const { rest, ok } = meterr();
    const old = { ...EVENT, ...events[0] };
    const repeat = await rest<UsageEventAnswer>('POST', '/v1/usage', { key, body: old });
    expect({ status: repeat.status, id: repeat.body.id }).toEqual({ status: 200, id: ids[0] });
    const conflict = await rest('POST', '/v1/usage', { key, body: { ...old, output_tokens: 7 } });
    expect({ status: conflict.status, error: conflict.error }).toMatchObject({
      status: 409,
      error: { code: 'idempotency_conflict', details: { id: ids[0] } },
    });
    const batch = [old, { ...old, user_id: 'another' }, { ...EVENT, ...events[firstKept] }, { ...old, id: 'unknown' }];
    const { data } = await ok<BatchAnswer>('POST', '/v1/usage', { key, body: { events: batch } });
    expect(data.map(({ status }) => status)).toEqual(['duplicate', 'conflict', 'duplicate', 'invalid']);
    expect(data.map(({ id }) => id)).toEqual([ids[0], ids[0], ids[firstKept], null]);
    expect(await askAll(key)).toEqual(before);
  });

  it.each([
    ['an end within a quarter of an hour', `start=${iso(FIRST_MS + 60_000)}`],
    ['one of both ends', `start=${iso(FIRST_MS)}&end=${iso(KEPT_FROM_MS - 1)}`],
    ['by user, a part of a day', `start=${iso(FIRST_MS + 3_600_000)}&group_by=user`],
    ['by tag, the days of another zone', `start=${iso(FIRST_MS)}&group_by=tag:env&interval=day&timezone=Asia/Kolkata`],
    ['of one user, hours', `start=${iso(FIRST_MS)}&user_id=ann&interval=hour`],
  ])('are missed by a question that needs them, which is refused by name: %s', async (_, query) => {
    const { status, error } = await meterr().rest('GET', `/v1/usage?${query}`, { key });
    expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    expect(error?.details.fields).toMatchObject([{ path: 'start', message: expect.stringContaining('retention') }]);
  });

  it('are not missed by the same questions about time that is kept, or about another organization', async () => {
    const kept = `start=${iso(KEPT_FROM_MS)}&end=${iso(KEPT_FROM_MS + 3 * DAY_MS + 61_000)}`;
    for (const query of [
      'group_by=user',
      'interval=hour&user_id=ann',
      'interval=day&timezone=Asia/Kolkata&group_by=user',
    ])
      await meterr().ok('GET', `/v1/usage?${kept}&${query}`, { key });
    await meterr().ok('GET', `/v1/usage?start=${iso(FIRST_MS + 60_000)}&group_by=user`, { key: other.key.secret });
  });

  it('stay removed when the retention is made longer, and more go when it is made shorter', async () => {
    await keepDays(organization, 100);
    expect(await retire()).toEqual([0, 0]);
    const { error } = await meterr().rest('GET', `/v1/usage?start=${iso(FIRST_MS + 60_000)}`, { key });
    expect(error?.code).toBe('invalid_request');
    await keepDays(organization, 1);
    expect((await retire()).reduce((sum, count) => sum + count)).toBeGreaterThan(1_000);
    expect(await askAll(key)).toEqual(before);
    expect(await verifyUsage(databases[0] as Database)).toEqual([]);
  });
});

it('an event that was recorded with the server’s own time is a duplicate after its removal too', async () => {
  const { clock, rest } = meterr();
  const organization = await makeOrganization(meterr());
  const options = { key: organization.key.secret, body: { ...EVENT, id: 'without a time', user_id: 'ann' } };
  clock.set(NOW_MS - 20 * DAY_MS);
  const first = await rest<UsageEventAnswer>('POST', '/v1/usage', options);
  clock.set(NOW_MS);
  await keepDays(organization, DAYS);
  await retire();
  expect(await countEvents(organization)).toBe(0);
  const again = await Promise.all([1, 2, 3].map(() => rest<UsageEventAnswer>('POST', '/v1/usage', options)));
  expect(again.map(({ status, body }) => [status, body.id, body.cost])).toEqual(
    again.map(() => [200, first.body.id, first.body.cost]),
  );
  expect(await countEvents(organization)).toBe(0);
});

it('repeats that come while events are being removed are duplicates all along', async () => {
  const organization = await makeOrganization(meterr());
  const options = { key: organization.key.secret };
  const { clock, ok } = meterr();
  clock.set(NOW_MS - 20 * DAY_MS);
  const events = Array.from({ length: 400 }, (_, i) => ({ ...EVENT, id: `r-${i}` }));
  const ids = await makeUsage(meterr(), organization.key.secret, events);
  clock.set(NOW_MS);
  await keepDays(organization, DAYS);
  let isRetiring = true;
  let repeats = 0;
  const repeat = async () => {
    do {
      const { data } = await ok<BatchAnswer>('POST', '/v1/usage', { ...options, body: { events } });
      expect(data.map(({ status, id }) => `${status} ${id}`)).toEqual(ids.map((id) => `duplicate ${id}`));
      repeats++;
    } while (isRetiring);
  };
  const retiring = retire().then(() => {
    isRetiring = false;
  });
  await Promise.all([repeat(), repeat(), retiring]);
  await repeat();
  expect(repeats).toBeGreaterThan(2);
  expect(await countEvents(organization)).toBe(0);
  const { totals } = await ok<UsageSummaryAnswer>('GET', `/v1/usage?start=${iso(FIRST_MS - DAY_MS)}`, options);
  expect(totals.requests).toBe(400);
});

it('a question that is under way while events are removed is answered as of one moment', async () => {
  const { ok, sql } = meterr();
  const { key, uuid } = await makeOrganization(meterr());
  const old = KEPT_FROM_MS - 2 * DAY_MS;
  await makeUsage(meterr(), key.secret, [{ timestamp: iso(old + 60_000) }, { timestamp: iso(old + 90_000) }]);
  await foldUsage(databases[0] as Database);
  const client = await sql.connect();
  try {
    await client.query('BEGIN; LOCK TABLE usage_events IN ACCESS EXCLUSIVE MODE');
    // It has found that its events are kept, and waits for them.
    const asking = ok<UsageSummaryAnswer>('GET', `/v1/usage?start=${iso(old + 1_000)}&end=${iso(old + 80_000)}`, {
      key: key.secret,
    });
    await waitUntil('the question waits', async () => {
      return (await countWaiting(sql, 'usage_events')) === 1;
    });
    await client.query('UPDATE organizations SET retired_before = $2 WHERE id = $1', [uuid, iso(KEPT_FROM_MS)]);
    await client.query('DELETE FROM usage_events WHERE organization_id = $1', [uuid]);
    await client.query('COMMIT');
    expect((await asking).totals.requests).toBe(1);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

it('without a retention everything is kept, and the server’s own is for who has none', async () => {
  const organization = await makeOrganization(meterr());
  await makeUsage(meterr(), organization.key.secret, [{ timestamp: '2020-01-01T00:00:00Z' }]);
  await retire();
  expect(await countEvents(organization)).toBe(1);
  await retireUsage(databases[0] as Database, 365, NOW_MS);
  expect(await countEvents(organization)).toBe(0);
  expect(await verifyUsage(databases[0] as Database)).toEqual([]);
});
