import { afterAll, beforeAll, expect, it } from 'vitest';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { retireUsage } from '../../src/domain/usage/upkeep/retire-usage.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import type { BudgetAnswer } from '../doors/budget-answers.ts';
import { useTestApp } from '../harness/app.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { makeOrganization, makeUsage } from '../harness/make.ts';

// Counters of budgets that are made when retention has removed a part of the events that they
// count.

const NOW = '2026-11-22T10:00:00.000Z';
const meterr = useTestApp({ now: NOW });
const HOUR_MS = 3_600_000;
const DAYS = 7;
const SPREAD_HOURS = 21 * 24;

let database: Database;

beforeAll(() => {
  database = openDatabase({ connectionString: meterr().connectionString, connections: 2, onError: () => {} });
});

afterAll(() => database.close());

interface Kept {
  timeMs: number;
  user: string | null;
  tags: Record<string, string>;
  cost: bigint;
}

/** An event each hour and a few minutes, over three weeks; the newest are not folded. */
async function makeEvents(key: string): Promise<Kept[]> {
  const first = Date.parse(NOW) - SPREAD_HOURS * HOUR_MS;
  const events = Array.from(
    { length: SPREAD_HOURS },
    (_, i): Kept => ({
      timeMs: first + i * HOUR_MS + (i % 7) * 61_000,
      user: ['a', 'b', null][i % 3] ?? null,
      tags: i % 4 === 0 ? { env: 'prod' } : {},
      cost: attoOf(`0.0${i + 1}`),
    }),
  );
  const wire = events.map(({ timeMs, user, tags, cost }) => ({
    timestamp: new Date(timeMs).toISOString(),
    user_id: user,
    tags,
    cost: decimalOf(cost),
  }));
  await makeUsage(meterr(), key, wire.slice(0, -30));
  await foldUsage(database);
  await makeUsage(meterr(), key, wire.slice(-30));
  return events;
}

const spentOf = (events: readonly Kept[]) => decimalOf(events.reduce((sum, { cost }) => sum + cost, 0n));

it.each([
  { said: 'at a day', retiredBefore: null },
  { said: 'within a day', retiredBefore: '2026-11-15T06:30:00.000Z' },
])('a budget counts what is kept of them, to the last digit, where retention ends $said', async ({ retiredBefore }) => {
  const organization = await makeOrganization(meterr(), { retentionDays: 20_000 });
  const { secret: key } = organization.key;
  const events = await makeEvents(key);
  await meterr().sql.query('UPDATE organizations SET retention_days = $2 WHERE id = $1', [organization.uuid, DAYS]);
  if (retiredBefore === null) await retireUsage(database, null, Date.parse(NOW));
  else {
    const { uuid } = organization;
    await meterr().sql.query('UPDATE organizations SET retired_before = $2 WHERE id = $1', [uuid, retiredBefore]);
    await meterr().sql.query('DELETE FROM usage_events WHERE organization_id = $1 AND time < $2', [
      uuid,
      retiredBefore,
    ]);
  }
  const { rows } = await meterr().sql.query('SELECT count(*) AS kept FROM usage_events WHERE organization_id = $1', [
    organization.uuid,
  ]);
  expect(rows[0].kept).toBeLessThan(events.length / 2);

  const make = (budget: object) =>
    meterr().ok<BudgetAnswer>('POST', '/v1/budgets', { key, body: { name: 'Late', amount: '1000000', ...budget } });
  const byUser = (user: string) => events.filter((event) => event.user === user);
  const inMonth = (from: string) => events.filter(({ timeMs }) => timeMs >= Date.parse(from));

  expect(await make({ period: 'total' })).toMatchObject({ spent: spentOf(events), matched_events: events.length });
  const perUser = await make({ period: 'year', per: 'user' });
  expect(perUser.subjects.map(({ subject, spent, matched_events }) => [subject, spent, matched_events]).sort()).toEqual(
    ['a', 'b'].map((user) => [user, spentOf(byUser(user)), byUser(user).length]),
  );
  expect(await make({ period: 'total', scope: { tags: { env: 'prod' }, user_id: 'a' } })).toMatchObject({
    spent: spentOf(byUser('a').filter(({ tags }) => tags.env === 'prod')),
  });
  // In money alone the quarter hours are exact in every zone; by user, whole days of UTC.
  const zone = { period: 'month', timezone: 'Asia/Kolkata' };
  const inZone = inMonth('2026-10-31T18:30:00.000Z');
  expect(await make(zone)).toMatchObject({ spent: spentOf(inZone), matched_events: inZone.length });
  expect(await make({ period: 'month', scope: { user_id: 'b' } })).toMatchObject({
    spent: spentOf(inMonth('2026-11-01T00:00:00.000Z').filter(({ user }) => user === 'b')),
  });
});
