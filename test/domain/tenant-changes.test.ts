import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBudget } from '../../src/domain/budgets/create-budget.ts';
import { openTestDomain, type TestDomain, useTestDomain } from '../harness/domain.ts';
import { makeKey, makeOrganization, makeTeam } from '../harness/make.ts';
import { waitUntil } from '../harness/wait-until.ts';

// What a process remembers of an organization holds until the organization is changed, by whatever
// process, in whatever order the changes are committed.

const domain = useTestDomain();
let other: TestDomain & { url: string };

beforeAll(async () => {
  other = await openTestDomain({ connectionString: domain().url });
});

afterAll(() => other.close());

const RENAME = "UPDATE organizations SET name = 'Renamed' WHERE id = $1";

/** An organization whose key this process has met. */
async function makeKnown() {
  const organization = await makeOrganization(domain());
  await domain().resources.apiKeys.find(organization.key.secret);
  const isRemembered = () => domain().resources.apiKeys.peek(organization.key.secret) !== null;
  expect(isRemembered()).toBe(true);
  return { organization, isRemembered };
}

describe('what another process changes counts here once it is read', () => {
  it('a key, an organization and a team; what was not changed stays remembered', async () => {
    const { resources, sql } = domain();
    const [changed, unchanged] = [await makeKnown(), await makeKnown()];
    const { organization } = changed;
    const [key, team] = [await makeKey(domain(), organization, {}), await makeTeam(domain(), organization)];
    const isTeamKnown = () => resources.teams.isKnown(organization.uuid, team.uuid);
    const changes = [
      ["UPDATE organizations SET plan = 'free' WHERE id = $1", organization.uuid],
      ['UPDATE api_keys SET previous_secret_until = now() WHERE id = $1', key.uuid],
      ['UPDATE api_keys SET otlp_exclusive_input = true WHERE id = $1', key.uuid],
      ['UPDATE api_keys SET revoked_at = now() WHERE id = $1', key.uuid],
      ['UPDATE teams SET deleted_at = now() WHERE id = $1', team.uuid],
      ['DELETE FROM teams WHERE id = $1', team.uuid],
    ] as const;
    for (const [text, id] of changes) {
      await resources.apiKeys.find(key.secret);
      resources.teams.remember(organization.uuid, [team.uuid], resources.changes.moment());
      expect([resources.apiKeys.peek(key.secret) !== null, isTeamKnown()]).toEqual([true, true]);
      await sql.query(text, [id]);
      await resources.changes.poll();
      expect([resources.apiKeys.peek(key.secret), isTeamKnown()], text).toEqual([null, false]);
    }
    expect(unchanged.isRemembered()).toBe(true);
  });

  it('a budget, by the version of the organization’s list', async () => {
    const { resources } = domain();
    const { organization } = await makeKnown();
    expect(resources.budgets.isCurrent(organization.uuid)).toBe(true);
    const context = await other.contextOf(organization);
    await createBudget(context, { name: 'b', amount: '1', period: 'month' });
    await resources.changes.poll();
    expect(resources.budgets.isCurrent(organization.uuid)).toBe(false);
    expect((await resources.budgets.get(organization.uuid)).index.everywhere).toHaveLength(1);
    expect(resources.budgets.isCurrent(organization.uuid)).toBe(true);
  });

  it('by itself, within moments', async () => {
    const { organization, isRemembered } = await makeKnown();
    await domain().sql.query(RENAME, [organization.uuid]);
    await waitUntil('the change is read', () => !isRemembered());
  });

  it('but using a key is no change', async () => {
    const { organization, isRemembered } = await makeKnown();
    await domain().sql.query('UPDATE api_keys SET last_used_at = now() WHERE id = $1', [organization.key.uuid]);
    await domain().resources.changes.poll();
    expect(isRemembered()).toBe(true);
  });
});

it('a change that is held open while a later one commits is not missed', async () => {
  const { sql, resources } = domain();
  const [slow, quick] = [await makeKnown(), await makeKnown()];
  const client = await sql.connect();
  await client.query('BEGIN');
  await client.query(RENAME, [slow.organization.uuid]);
  await sql.query(RENAME, [quick.organization.uuid]);
  await resources.changes.poll();
  expect([slow.isRemembered(), quick.isRemembered()]).toEqual([true, false]);
  await client.query('COMMIT');
  client.release();
  await resources.changes.poll();
  expect(slow.isRemembered()).toBe(false);
});

it('a change that has its number is committed before a later one gets its own', async () => {
  const { sql, resources } = domain();
  const [first, second] = [await makeKnown(), await makeKnown()];
  const client = await sql.connect();
  await client.query('BEGIN');
  await client.query(RENAME, [first.organization.uuid]);
  // The number is drawn now, as at the commit.
  await client.query('SET CONSTRAINTS ALL IMMEDIATE');
  let isCommitted = false;
  const later = sql.query(RENAME, [second.organization.uuid]).then(() => {
    isCommitted = true;
  });
  await waitUntil('the later change waits for the lock', async () => {
    const { rowCount } = await sql.query(
      `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
        WHERE l.locktype = 'advisory' AND NOT l.granted`,
    );
    return rowCount === 1;
  });
  await resources.changes.poll();
  expect([isCommitted, first.isRemembered(), second.isRemembered()]).toEqual([false, true, true]);
  await client.query('COMMIT');
  client.release();
  await later;
  await resources.changes.poll();
  expect([first.isRemembered(), second.isRemembered()]).toEqual([false, false]);
});

it('what is read while the change is committed does not count as newer than the change', async () => {
  const { sql, resources } = domain();
  const { organization } = await makeKnown();
  const moment = resources.changes.moment();
  await sql.query(RENAME, [organization.uuid]);
  await resources.changes.poll();
  resources.teams.remember(organization.uuid, [organization.uuid], moment);
  expect(resources.teams.isKnown(organization.uuid, organization.uuid)).toBe(false);
});

it('a living team is found though it is forgotten while the database is asked for others', async () => {
  const { resources } = domain();
  const { organization } = await makeKnown();
  const [known, other] = [await makeTeam(domain(), organization), await makeTeam(domain(), organization)];
  resources.teams.remember(organization.uuid, [known.uuid], resources.changes.moment());
  const found = resources.teams.findExisting(organization.uuid, [known.uuid, other.uuid]);
  resources.changes.forget(organization.uuid);
  expect(await found).toEqual(new Set([known.uuid, other.uuid]));
});

it('a process that missed very many changes forgets everything', async () => {
  const { sql, resources } = domain();
  const { isRemembered } = await makeKnown();
  await sql.query('INSERT INTO organization_changes SELECT gen_random_uuid() FROM generate_series(1, 10001)');
  await resources.changes.poll();
  expect(isRemembered()).toBe(false);
  const { isRemembered: isAgain } = await makeKnown();
  await resources.changes.poll();
  expect(isAgain()).toBe(true);
});

it('a process that cannot read the changes serves nothing from memory, and asks again', async () => {
  const { sql, resources } = domain();
  const { organization, isRemembered } = await makeKnown();
  const client = await sql.connect();
  await client.query('BEGIN');
  await client.query('LOCK organization_changes IN ACCESS EXCLUSIVE MODE');
  await waitUntil('what is remembered is too old', () => !isRemembered());
  expect(await resources.apiKeys.find(organization.key.secret)).toMatchObject({ revokedAt: null });
  expect(isRemembered()).toBe(false);
  await client.query('COMMIT');
  client.release();
  await resources.changes.poll();
  expect(isRemembered()).toBe(true);
});

it('a first request of a tenant loads its key, teams, budgets and series in one statement', async () => {
  const organization = await makeOrganization(domain());
  const team = await makeTeam(domain(), organization);
  const context = await other.contextOf(organization);
  await createBudget(context, { name: 'b', amount: '0.123456789012345678', period: 'month', thresholds: [50] });
  const series = { provider: 'openai', model: 'gpt-4o', serviceTier: 'standard', teamId: team.uuid };
  const key = { organizationId: organization.uuid, apiKeyId: organization.key.uuid, ...series };
  const id = await other.resources.series.get(key);
  const { resources } = domain();
  await resources.changes.poll();
  await resources.apiKeys.find(organization.key.secret);
  expect(resources.series.peek(key)).toBe(id);
  expect(resources.teams.isKnown(organization.uuid, team.uuid)).toBe(true);
  expect(resources.budgets.isCurrent(organization.uuid)).toBe(true);
  expect(resources.budgets.peek(organization.uuid)).toMatchObject(
    await other.resources.budgets.reload(organization.uuid),
  );
});
