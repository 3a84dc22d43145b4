import { beforeAll, describe, expect, it } from 'vitest';
import type { ListAnswer } from '../../harness/answers.ts';
import { createTestApp, useTestApp } from '../../harness/app.ts';
import {
  type MadeKey,
  type MadeOrganization,
  makeKey,
  makeOrganization,
  makeTeam,
  makeUsage,
} from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';

interface Entry {
  action: string;
  target_id: string;
  actor_key_id: string | null;
  address: string | null;
  created_at: string;
}

const OPERATOR_KEY = 'operator-key-of-the-tests';
const env = { METERR_OPERATOR_KEY: OPERATOR_KEY };
const meterr = useTestApp({ env });

async function list(key: string, query = ''): Promise<Entry[]> {
  return (await meterr().ok<ListAnswer<Entry>>('GET', `/v1/audit-log?limit=100${query}`, { key })).data;
}
const actionsOf = (entries: Entry[]) => entries.map(({ action }) => action);

describe('a filter', () => {
  let organization: MadeOrganization;
  let other: MadeKey;
  let key: string;
  let teamId: string;
  const times: string[] = [];

  beforeAll(async () => {
    const { ok, clock } = meterr();
    organization = await makeOrganization(meterr());
    key = organization.key.secret;
    other = await makeKey(meterr(), organization, { scopes: ['teams:write', 'budgets:write'] });
    const steps = [
      async () => (teamId = (await ok<{ id: string }>('POST', '/v1/teams', { key, body: { name: 'Red' } })).id),
      () => ok('PATCH', `/v1/teams/${teamId}`, { key: other.secret, body: { name: 'Blue' } }),
      () => ok('POST', '/v1/budgets', { key: other.secret, body: { name: 'All', amount: '1', period: 'day' } }),
      () => ok('PATCH', `/v1/organizations/${organization.id}`, { key: OPERATOR_KEY, body: { plan: 'pro' } }),
    ];
    for (const step of steps) {
      times.push(new Date(clock.now()).toISOString());
      await step();
      clock.advance(1_000);
    }
  });

  const ALL = ['organization.updated', 'budget.created', 'team.updated', 'team.created'];

  it('finds the changes of one actor: a key, or the operator', async () => {
    expect(actionsOf(await list(key))).toEqual(ALL);
    expect(actionsOf(await list(key, `&actor=${organization.key.id}`))).toEqual(['team.created']);
    expect(actionsOf(await list(key, `&actor=${other.id}`))).toEqual(['budget.created', 'team.updated']);
    expect(actionsOf(await list(key, '&actor=operator'))).toEqual(['organization.updated']);
  });

  it('finds the changes of one kind, of one object, in a range of time, and all at once', async () => {
    expect(actionsOf(await list(key, '&action=team.updated'))).toEqual(['team.updated']);
    expect(actionsOf(await list(key, '&action=team.painted'))).toEqual([]);
    expect(actionsOf(await list(key, `&target=${teamId}`))).toEqual(['team.updated', 'team.created']);
    expect(actionsOf(await list(key, `&target=${noId('team')}`))).toEqual([]);
    expect(actionsOf(await list(key, `&start=${times[1]}&end=${times[3]}`))).toEqual([
      'budget.created',
      'team.updated',
    ]);
    const all = `&actor=${other.id}&action=team.updated&target=${teamId}&start=${times[1]}&end=${times[2]}`;
    expect(actionsOf(await list(key, all))).toEqual(['team.updated']);
  });

  it('is kept over the pages, and is the same in GraphQL', async () => {
    const first = await meterr().ok<ListAnswer<Entry>>('GET', `/v1/audit-log?limit=1&target=${teamId}`, { key });
    const path = `/v1/audit-log?limit=1&target=${teamId}&cursor=${first.next_cursor}`;
    const second = await meterr().ok<ListAnswer<Entry>>('GET', path, { key });
    expect(actionsOf([...first.data, ...second.data])).toEqual(['team.updated', 'team.created']);
    expect(second.has_more).toBe(false);
    const query = `query ($actor: ID, $action: String, $target: ID, $start: DateTime, $end: DateTime) {
      auditLog(actor: $actor, action: $action, target: $target, start: $start, end: $end) { edges { node { action } } } }`;
    const variables = { actor: other.id, action: 'team.updated', target: teamId, start: times[0], end: times[3] };
    expect(await meterr().data(query, variables, { key })).toEqual({
      auditLog: { edges: [{ node: { action: 'team.updated' } }] },
    });
  });

  it.each<[string, string]>([
    ['actor', 'nobody'],
    ['actor', noId('team')],
    ['actor', noId('key')],
    ['actor', noId('member')],
    ['action', 'Team'],
    ['action', 'team.created;'],
    ['target', 'team'],
    ['target', 'team_x'],
    ['start', 'yesterday'],
    ['end', '2026-13-01T00:00:00Z'],
    ['end', '2026-01-01T00:00:00Z&start=2026-01-01T00:00:00Z'],
    ['who', 'me'],
    ['actor', ''],
  ])('that is wrong is refused by its name: %s=%s', async (field, value) => {
    const { status, error } = await meterr().rest('GET', `/v1/audit-log?${field}=${value}`, { key });
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: field });
  });

  it("of another organization's key is refused as one that does not exist", async () => {
    const foreign = await makeOrganization(meterr());
    const ask = (actor: string) => meterr().rest('GET', `/v1/audit-log?actor=${actor}`, { key });
    expect((await ask(foreign.key.id)).error).toEqual((await ask(noId('key'))).error);
  });

  it('of a key that is bound to a team finds who changed the team, and nobody else', async () => {
    const team = await makeTeam(meterr(), organization);
    const bound = await makeKey(meterr(), organization, { scopes: ['admin'], team });
    const quiet = await makeKey(meterr(), organization);
    await meterr().ok('PATCH', `/v1/teams/${team.id}`, { key: other.secret, body: { name: `Changed ${team.id}` } });
    expect(actionsOf(await list(bound.secret, `&actor=${other.id}`))).toEqual(['team.updated']);
    expect(actionsOf(await list(bound.secret, `&actor=${bound.id}`))).toEqual([]);
    const ask = (actor: string) => meterr().rest('GET', `/v1/audit-log?actor=${actor}`, { key: bound.secret });
    expect((await ask(quiet.id)).error).toEqual((await ask(noId('key'))).error);
    expect(actionsOf(await list(bound.secret, `&target=${teamId}`))).toEqual([]);
  });
});

describe('the log only grows', () => {
  it.each([
    'UPDATE audit_entries SET action = action',
    'UPDATE audit_entries SET action = action WHERE false',
    'DELETE FROM audit_entries',
    'TRUNCATE audit_entries',
    'INSERT INTO audit_entries SELECT * FROM audit_entries ON CONFLICT (organization_id, id) DO UPDATE SET address = $$x$$',
    'MERGE INTO audit_entries a USING organizations o ON a.organization_id = o.id WHEN MATCHED THEN DELETE',
  ])('%s is refused to the owner of the table, also in a session that replicates', async (statement) => {
    const { ok, sql } = meterr();
    const { rows: owners } = await sql.query(
      `SELECT tableowner = current_user AS is_owner FROM pg_tables WHERE tablename = 'audit_entries'`,
    );
    expect(owners).toEqual([{ is_owner: true }]);
    await ok('POST', '/v1/teams', { body: { name: `Kept ${statement}`.slice(0, 90) } });
    const read = async () => (await sql.query('SELECT * FROM audit_entries ORDER BY id')).rows;
    const before = await read();
    for (const role of ['origin', 'replica']) {
      const client = await sql.connect();
      await client.query(`SET session_replication_role = ${role}`);
      await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
      client.release(true);
    }
    expect(await read()).toEqual(before);
  });
});

describe('an entry', () => {
  it('says from which network address the change came: that before the trusted proxy', async () => {
    const { ok, organization } = meterr();
    const body = { name: 'From afar' };
    const { id } = await ok<{ id: string }>('POST', '/v1/teams', { body, address: '203.0.113.7' });
    const entries = await list(meterr().adminKey, `&target=${id}`);
    expect(entries).toMatchObject([{ address: '203.0.113.7', actor_key_id: organization.key.id }]);
  });

  it('believes no X-Forwarded-For where no proxy is trusted', async () => {
    const { connectionString, adminKey: key } = meterr();
    const second = await createTestApp({
      connectionString,
      env: { ...env, METERR_TRUST_PROXY: 'false' },
      through: 'socket',
    });
    const body = { name: 'Pretended' };
    const { id } = await second.ok<{ id: string }>('POST', '/v1/teams', { key, body, address: '203.0.113.8' });
    expect(await list(key, `&target=${id}`)).toMatchObject([{ action: 'team.created', address: '127.0.0.1' }]);
    await second.close();
  });

  it('tells of the first organization, which nobody made: neither a key nor the operator', async () => {
    const { adminKey, organization } = meterr();
    const made = await list(adminKey, '&action=organization.created');
    expect(made).toMatchObject([
      { target_id: organization.id, actor_key_id: null, actor_member_id: null, address: null, before: null },
    ]);
    expect(await list(adminKey, '&action=organization.created&actor=operator')).toEqual([]);
  });

  it('tells once of a void, however many take the event back at once', async () => {
    const organization = await makeOrganization(meterr());
    const { secret: key } = organization.key;
    const [id] = await makeUsage(meterr(), key);
    const body = { reason: 'sent twice' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => meterr().ok<{ id: string }>('POST', `/v1/usage/${id}/void`, { key, body })),
    );
    const [reversing] = new Set(answers.map((answer) => answer.id));
    expect(await list(key)).toMatchObject([
      {
        action: 'usage.voided',
        target_id: id,
        actor_key_id: organization.key.id,
        before: { cost: '0.0075' },
        after: { voided_by: reversing, reason: 'sent twice' },
      },
    ]);
    const totals = await meterr().ok<{ totals: object }>('GET', '/v1/usage', { key });
    expect(totals.totals).toMatchObject({ requests: 0, cost: '0' });
  });

  it('and its void are there together or not at all', async () => {
    const organization = await makeOrganization(meterr());
    const { secret: key } = organization.key;
    const [id] = await makeUsage(meterr(), key);
    const { rest, sql, ok } = meterr();
    await sql.query('ALTER TABLE audit_entries RENAME TO broken');
    const { status } = await rest('POST', `/v1/usage/${id}/void`, { key, body: { reason: 'x' } });
    await sql.query('ALTER TABLE broken RENAME TO audit_entries');
    expect(status).toBe(500);
    expect(await ok('GET', `/v1/usage/${id}`, { key })).toMatchObject({ voided_by: null });
    expect((await rest('POST', `/v1/usage/${id}/void`, { key, body: { reason: 'x' } })).status).toBe(201);
    expect(actionsOf(await list(key))).toEqual(['usage.voided']);
  });
});
