import { afterAll, beforeAll, expect, it } from 'vitest';
import { retireUsage } from '../../src/domain/usage/upkeep/retire-usage.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { useTestApp } from '../harness/app.ts';
import { type MadeOrganization, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';

/** Seven minutes past a quarter of an hour. */
const NOW = '2026-11-22T10:07:00.000Z';
const meterr = useTestApp({ now: NOW });
let database: Database;
let organization: MadeOrganization;

interface Costs {
  total: string;
  previous: { start: string; end: string; total: string };
}

const ask = (query: string) => meterr().rest<Costs>('GET', `/v1/costs?${query}`, { key: organization.key.secret });
const costs = (query: string) => meterr().ok<Costs>('GET', `/v1/costs?${query}`, { key: organization.key.secret });

beforeAll(async () => {
  const { connectionString } = meterr();
  database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  organization = await makeOrganization(meterr());
  const team_id = (await makeTeam(meterr(), organization)).id;
  const spend = (cost: string, timestamp: string) => ({ team_id, user_id: 'ann', cost, timestamp });
  await makeUsage(meterr(), organization.key.secret, [
    spend('1', '2026-11-20T00:00:00Z'),
    spend('2', '2026-10-21T23:59:59Z'),
    spend('4', '2026-10-22T09:59:59Z'),
    spend('8', '2026-10-22T10:06:00Z'),
    spend('16', '2026-10-22T10:08:00Z'),
    spend('32', '2026-01-01T00:00:00Z'),
  ]);
});

afterAll(() => database.close());

it('costs are answered where retention has removed the end of the period before: it is cut to what sums are kept of', async () => {
  expect((await costs('')).previous).toMatchObject({ end: '2026-10-22T10:07:00.000Z', total: '14' });
  const user = await costs('user_id=ann');
  expect(user.previous).toMatchObject({ end: '2026-10-22T10:07:00.000Z', total: '14' });
  expect(await retireUsage(database, 30, Date.parse(NOW))).toBe(5);
  expect(await costs('')).toMatchObject({
    total: '1',
    previous: { start: '2026-10-01T00:00:00.000Z', end: '2026-10-22T10:00:00.000Z', total: '6' },
  });
  expect(await costs('user_id=ann')).toMatchObject({
    total: '1',
    previous: { start: '2026-10-01T00:00:00.000Z', end: '2026-10-22T00:00:00.000Z', total: '2' },
  });
  expect((await costs('group_by=user&timezone=Asia/Kolkata')).previous).toMatchObject({
    start: '2026-10-01T00:00:00.000Z',
    end: '2026-10-22T00:00:00.000Z',
  });
  // What is kept is compared to the millisecond.
  expect((await costs('period=week')).previous.end).toBe('2026-11-15T10:07:00.000Z');
  const query = '{ teams { edges { node { costs { total previous { end total } } } } } }';
  const { data } = await meterr().gql(query, null, { key: organization.key.secret });
  expect(data).toMatchObject({
    teams: { edges: [{ node: { costs: { total: '1', previous: { end: '2026-10-22T10:00:00.000Z', total: '6' } } } }] },
  });
});

it('a period that needs removed events is refused with what to ask for; sums of whole days are there', async () => {
  expect((await costs('period=year&user_id=ann')).total).toBe('63');
  expect((await costs('period=year&timezone=Asia/Kolkata')).total).toBe('63');
  const { status, error } = await ask('period=year&user_id=ann&timezone=Asia/Kolkata');
  expect([status, error?.code, error?.details.fields?.[0]?.path]).toEqual([400, 'invalid_request', 'period']);
  expect(error?.message).toContain('ask for a shorter period or for timezone UTC');
});
