import { beforeAll, describe, expect, it } from 'vitest';
import { MEMBER_ROLES, type MemberRoleName, ROLE_SCOPES } from '../../../src/domain/access/roles.ts';
import type { ListAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import {
  EVENT,
  type MadeMember,
  type MadeOrganization,
  type MadeTeam,
  makeKey,
  makeMember,
  makeOrganization,
  makeTeam,
} from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';

interface MemberAnswer {
  id: string;
  team_id: string;
  email: string;
  name: string;
  role: MemberRoleName;
  created_at: string;
  last_used_at: string | null;
}

const meterr = useTestApp();
let organization: MadeOrganization;
let team: MadeTeam;

beforeAll(async () => {
  organization = await makeOrganization(meterr());
});

/** A team of its own, with one member of each role. */
async function makeRoles(): Promise<Record<MemberRoleName, MadeMember>> {
  team = await makeTeam(meterr(), organization);
  const members = await Promise.all(MEMBER_ROLES.map((role) => makeMember(meterr(), organization, team, role)));
  return Object.fromEntries(MEMBER_ROLES.map((role, i) => [role, members[i]])) as Record<MemberRoleName, MadeMember>;
}

const pathOf = ({ id }: { id: string }) => `/v1/teams/${team.id}/members/${id}`;
const asOwner = () => ({ key: organization.key.secret });
const scopesOf = async (key: string) => (await meterr().ok<{ scopes: string[] }>('GET', '/v1/me', { key })).scopes;
const codeOf = ({ status, error }: { status: number; error?: { code: string } | undefined }) => [status, error?.code];

describe('members', () => {
  it('are listed newest first, in pages, the same in both doors', async () => {
    const { ok, data, rest } = meterr();
    const { owner, admin, member, viewer } = await makeRoles();
    const path = `/v1/teams/${team.id}/members`;
    const all = await ok<ListAnswer<MemberAnswer>>('GET', path, asOwner());
    const wanted = [owner, admin, member, viewer]
      .map(({ id }) => id)
      .sort()
      .reverse();
    expect(all.data.map(({ id }) => id)).toEqual(wanted);
    expect(all.data.find(({ id }) => id === viewer.id)).toEqual({
      id: viewer.id,
      team_id: team.id,
      email: viewer.email,
      name: 'Made as viewer',
      role: 'viewer',
      created_at: expect.any(String),
      last_used_at: null,
    });
    const first = await ok<ListAnswer<MemberAnswer>>('GET', `${path}?limit=3`, asOwner());
    const second = await ok<ListAnswer<MemberAnswer>>('GET', `${path}?limit=3&cursor=${first.next_cursor}`, asOwner());
    expect([...first.data, ...second.data]).toEqual(all.data);
    expect([first.has_more, second.has_more]).toEqual([true, false]);
    for (const question of ['limit=0', 'limit=101', 'cursor=nonsense', 'role=owner']) {
      expect((await rest('GET', `${path}?${question}`, asOwner())).status).toBe(400);
    }
    const query = `query ($id: ID!) {
      members(teamId: $id) { edges { node { id email role } } }
      team(id: $id) { members(first: 2) { edges { node { id } } pageInfo { hasNextPage } } } }`;
    const answer = await data<{ members: { edges: { node: { id: string } }[] }; team: unknown }>(
      query,
      { id: team.id },
      asOwner(),
    );
    expect(answer.members.edges.map(({ node }) => node.id)).toEqual(wanted);
    expect(answer.team).toEqual({
      members: {
        edges: wanted.slice(0, 2).map((id) => ({ node: { id } })),
        pageInfo: { hasNextPage: true },
      },
    });
    const node = 'query ($id: ID!) { node(id: $id) { __typename id } }';
    expect(await data(node, { id: admin.id }, asOwner())).toEqual({ node: { __typename: 'Member', id: admin.id } });
  });

  it('are there for their own organization and team only, whatever is asked', async () => {
    const { rest, gql } = meterr();
    const { member } = await makeRoles();
    const stranger = await makeOrganization(meterr());
    const otherTeam = await makeTeam(meterr(), organization);
    const { secret: bound } = await makeKey(meterr(), organization, { scopes: ['admin'], team: otherTeam });
    const withKey = (key: string) => [
      rest('GET', `/v1/teams/${team.id}/members`, { key }),
      rest('PATCH', pathOf(member), { key, body: { role: 'viewer' } }),
      rest('DELETE', pathOf(member), { key }),
      rest('DELETE', `/v1/teams/${otherTeam.id}/members/${member.id}`, { key }),
    ];
    for (const key of [stranger.key.secret, bound]) {
      for (const answer of await Promise.all(withKey(key))) expect(codeOf(answer)).toEqual([404, 'not_found']);
      const mutation = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { id } }';
      expect((await gql(mutation, { input: { id: member.id } }, { key })).error?.code).toBe('not_found');
      const node = await gql('query ($id: ID!) { node(id: $id) { id } }', { id: member.id }, { key });
      expect(node.data).toEqual({ node: null });
    }
    // A member of another team is not in this one, to a key that sees both.
    const elsewhere = await rest('DELETE', `/v1/teams/${otherTeam.id}/members/${member.id}`, asOwner());
    const missing = await rest('DELETE', `/v1/teams/${otherTeam.id}/members/${noId('member')}`, asOwner());
    expect([elsewhere.status, elsewhere.text]).toEqual([404, missing.text]);
  });

  it('keep what their keys recorded when they or their team are gone', async () => {
    const { ok, rest } = meterr();
    const { member, viewer } = await makeRoles();
    await ok('POST', '/v1/usage', { key: member.key.secret, body: EVENT });
    const removed = await ok<MemberAnswer>('DELETE', pathOf(member), asOwner());
    expect(removed).toMatchObject({ id: member.id, role: 'member' });
    expect(codeOf(await rest('POST', '/v1/usage', { key: member.key.secret, body: EVENT }))).toEqual([
      401,
      'invalid_api_key',
    ]);
    expect((await rest('DELETE', pathOf(member), asOwner())).status).toBe(404);
    await ok('DELETE', `/v1/teams/${team.id}`, asOwner());
    expect((await rest('GET', '/v1/me', { key: viewer.key.secret })).status).toBe(401);
    const { totals } = await ok<{ totals: { requests: number } }>('GET', `/v1/usage?team_id=${team.id}`, asOwner());
    expect(totals.requests).toBe(1);
    const log = await ok<ListAnswer<{ action: string; target_id: string }>>(
      'GET',
      '/v1/audit-log?limit=100',
      asOwner(),
    );
    const removals = log.data.filter(({ action }) => action === 'member.removed').map((entry) => entry.target_id);
    expect(removals).toEqual(expect.arrayContaining([member.id, viewer.id]));
  });
});

describe('what each role may', () => {
  const ABOVE: Readonly<Record<MemberRoleName, readonly MemberRoleName[]>> = {
    owner: [],
    admin: ['owner'],
    member: MEMBER_ROLES,
    viewer: MEMBER_ROLES,
  };

  it.each(MEMBER_ROLES)('%s: its key holds the scopes of the table', async (role) => {
    const members = await makeRoles();
    expect(await scopesOf(members[role].key.secret)).toEqual([...ROLE_SCOPES[role]]);
  });

  it('a key holds no more than its role, whatever is stored with it', async () => {
    const { viewer } = await makeRoles();
    await meterr().sql.query(`UPDATE api_keys SET scopes = '{admin,usage:write,usage:read}' WHERE id = $1`, [
      viewer.key.uuid,
    ]);
    expect(await scopesOf(viewer.key.secret)).toEqual(['usage:read']);
  });

  it.each(MEMBER_ROLES.flatMap((actor) => MEMBER_ROLES.map((target) => [actor, target] as const)))(
    'a key of %s gives the role %s, and changes and removes who has it, only within its own role',
    async (actor, target) => {
      const { rest } = meterr();
      const members = await makeRoles();
      const { secret: key } = members[actor].key;
      const other = await makeMember(meterr(), organization, team, target);
      const third = await makeMember(meterr(), organization, team, 'viewer');
      const body = { email: `${target}@invited.example`, role: target };
      const answers = [
        await rest('POST', `/v1/teams/${team.id}/invite`, { key, body }),
        await rest('PATCH', pathOf(third), { key, body: { role: target } }),
        await rest('PATCH', pathOf(other), { key, body: { role: target === 'viewer' ? 'member' : 'viewer' } }),
        await rest('DELETE', pathOf(await makeMember(meterr(), organization, team, target)), { key }),
      ];
      const isRefused = ABOVE[actor].includes(target);
      const statuses = isRefused ? [403, 403, 403, 403] : [201, 200, 200, 200];
      expect(answers.map(({ status }) => status)).toEqual(statuses);
      for (const { error } of answers) {
        if (error)
          expect(error).toMatchObject({ code: 'insufficient_permissions', details: { required_scope: 'teams:write' } });
      }
    },
  );

  it('a key that is no member’s makes and removes owners', async () => {
    const { rest } = meterr();
    const { owner, viewer } = await makeRoles();
    const { secret: key } = await makeKey(meterr(), organization, { scopes: ['teams:write'] });
    expect((await rest('PATCH', pathOf(viewer), { key, body: { role: 'owner' } })).status).toBe(200);
    expect((await rest('DELETE', pathOf(owner), { key })).status).toBe(200);
  });
});

describe('a change of role', () => {
  it('counts for the keys of the member: what the lower role may not is gone for good, but from its own key', async () => {
    const { ok } = meterr();
    const { admin } = await makeRoles();
    const app = await makeKey(meterr(), organization, { scopes: ['usage:write', 'usage:read', 'teams:write'], team });
    await meterr().sql.query('UPDATE api_keys SET member_id = $2 WHERE id = $1', [app.uuid, admin.uuid]);
    expect(await scopesOf(app.secret)).toContain('teams:write');

    await ok('PATCH', pathOf(admin), { ...asOwner(), body: { role: 'viewer' } });
    expect(await scopesOf(app.secret)).toEqual(['usage:read']);
    expect(await scopesOf(admin.key.secret)).toEqual([...ROLE_SCOPES.viewer]);
    await ok('PATCH', pathOf(admin), { ...asOwner(), body: { role: 'admin' } });
    expect(await scopesOf(app.secret)).toEqual(['usage:read']);
    expect(await scopesOf(admin.key.secret)).toEqual([...ROLE_SCOPES.admin]);
  });

  it('is in the audit log with each key that it changed; what changes nothing is not', async () => {
    const { ok, clock } = meterr();
    const { member, owner } = await makeRoles();
    clock.advance(1);
    const { secret: key } = owner.key;
    await ok('PATCH', pathOf(member), { key, body: { role: 'viewer', name: ' Ann ' } });
    await ok('PATCH', pathOf(member), { key, body: { role: 'viewer', name: 'Ann' } });
    const log = await ok<ListAnswer<{ action: string; target_id: string }>>(
      'GET',
      '/v1/audit-log?limit=100',
      asOwner(),
    );
    const made = log.data.filter(({ target_id: id }) => id === member.id || id === member.key.id);
    const by = { actor_key_id: owner.key.id, actor_member_id: owner.id, address: expect.any(String) };
    expect(made).toHaveLength(2);
    expect(made).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          ...by,
          action: 'member.updated',
          before: { role: 'member', name: 'Made as member' },
          after: { role: 'viewer', name: 'Ann' },
        }),
        expect.objectContaining({ ...by, action: 'api_key.updated', after: { scopes: ROLE_SCOPES.viewer } }),
      ]),
    );
  });

  it('in GraphQL is the same', async () => {
    const { data } = meterr();
    const { viewer } = await makeRoles();
    const update = 'mutation ($input: UpdateMemberInput!) { updateMember(input: $input) { id role name teamId } }';
    const input = { id: viewer.id, role: 'MEMBER', name: 'Bea' };
    expect(await data(update, { input }, asOwner())).toEqual({
      updateMember: { id: viewer.id, role: 'MEMBER', name: 'Bea', teamId: team.id },
    });
    const remove = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { id role } }';
    const removal = { input: { id: viewer.id, teamId: team.id } };
    expect(await data(remove, removal, asOwner())).toEqual({ removeMember: { id: viewer.id, role: 'MEMBER' } });
  });

  it.each<[object, string]>([
    [{ role: 'king' }, 'role'],
    [{ role: null, name: '' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ email: 'new@example.com' }, 'email'],
  ])('%o is refused', async (body, path) => {
    const { member } = await makeRoles();
    const { status, error } = await meterr().rest('PATCH', pathOf(member), { ...asOwner(), body });
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path });
  });
});

describe('a team that has an owner', () => {
  it('keeps one: the last is not demoted, removed, and does not leave', async () => {
    const { rest, ok } = meterr();
    const { owner, admin } = await makeRoles();
    const body = { role: 'admin' };
    for (const key of [organization.key.secret, owner.key.secret]) {
      expect(codeOf(await rest('PATCH', pathOf(owner), { key, body }))).toEqual([409, 'conflict']);
      expect(codeOf(await rest('DELETE', pathOf(owner), { key }))).toEqual([409, 'conflict']);
    }
    await ok('PATCH', pathOf(admin), { key: owner.key.secret, body: { role: 'owner' } });
    await ok('DELETE', pathOf(owner), { key: owner.key.secret });
    expect(codeOf(await rest('DELETE', pathOf(admin), asOwner()))).toEqual([409, 'conflict']);
  });

  it('keeps one when its owners demote each other at the same time', async () => {
    const { rest, sql } = meterr();
    const { owner } = await makeRoles();
    const others = [1, 2, 3].map(() => makeMember(meterr(), organization, team, 'owner'));
    const owners = [owner, ...(await Promise.all(others))];
    const next = (i: number) => owners[(i + 1) % owners.length] as MadeMember;
    await Promise.all(
      owners.map(({ key }, i) => rest('PATCH', pathOf(next(i)), { key: key.secret, body: { role: 'viewer' } })),
    );
    const { rows } = await sql.query(`SELECT count(*) FROM members WHERE team_id = $1 AND role = 'owner'`, [team.uuid]);
    expect(rows[0].count).toBeGreaterThan(0);
  });
});
