import { beforeAll, describe, expect, it } from 'vitest';
import { MEMBER_ROLES, type MemberRoleName, ROLE_SCOPES } from '../../../src/domain/access/roles.ts';
import { SCOPE_PRESETS, SCOPES, type Scope } from '../../../src/domain/access/scopes.ts';
import type { ListAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { countBlocked } from '../../harness/domain.ts';
import {
  type MadeKey,
  type MadeOrganization,
  type MadeTeam,
  makeKey,
  makeMemberRow,
  makeOrganization,
  makeTeam,
} from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';
import { waitUntil } from '../../harness/wait-until.ts';

// A key makes, changes, rotates and revokes no key that is stronger than itself.

interface KeyAnswer {
  id: string;
  secret: string;
  scopes: Scope[];
  team_id: string | null;
  member_id: string | null;
}

const meterr = useTestApp();
const ALL_BUT_ADMIN = SCOPES.filter((scope) => scope !== 'admin');
const CREATE = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { scopes } }';

const create = (key: string, body: object) =>
  meterr().rest<KeyAnswer>('POST', '/v1/api-keys', { key, body: { name: 'Made', ...body } });
const countKeys = async () => (await meterr().sql.query('SELECT count(*)::int AS n FROM api_keys')).rows[0].n;
const bodyOf = (method: string) => (method === 'PATCH' ? { name: 'Changed' } : method === 'POST' ? {} : undefined);
const CHANGES = [
  ['PATCH', ''],
  ['POST', '/rotate'],
  ['DELETE', ''],
] as const;

/** Each asked as REST and as GraphQL have it, with the scopes that it stands for. */
const WANTED: readonly { rest: object; gql: object; scopes: readonly Scope[] }[] = [
  ...SCOPES.map((scope) => ({ rest: { scopes: [scope] }, gql: { scopes: [scope] }, scopes: [scope] })),
  ...(['ingest', 'read'] as const).map((preset) => ({
    rest: { preset },
    gql: { preset: preset.toUpperCase() },
    scopes: SCOPE_PRESETS[preset],
  })),
  { rest: { scopes: ALL_BUT_ADMIN }, gql: { scopes: ALL_BUT_ADMIN }, scopes: ALL_BUT_ADMIN },
  { rest: { scopes: SCOPES }, gql: { scopes: SCOPES }, scopes: SCOPES },
];

function missingOf(held: readonly Scope[], wanted: readonly Scope[]): Scope | undefined {
  return held.includes('admin') ? undefined : wanted.find((scope) => !held.includes(scope));
}

/** Asks for all of `WANTED` in both doors, and holds each answer to what the caller's key holds. */
async function proveNoStronger(key: string, held: readonly Scope[]): Promise<void> {
  for (const { rest, gql, scopes } of WANTED) {
    const missing = missingOf(held, scopes);
    const before = await countKeys();
    const viaRest = await create(key, rest);
    const viaGraphQL = await meterr().gql(CREATE, { input: { name: 'Made', ...gql } }, { key });
    const asked = `${held.join(' ')} asks for ${scopes.join(' ')}: ${viaRest.text}`;
    expect(await countKeys(), asked).toBe(before + (missing === undefined ? 2 : 0));
    if (missing === undefined) {
      expect(viaRest.body.scopes, asked).toEqual(scopes);
      expect(viaGraphQL.data, asked).toEqual({ createApiKey: { scopes } });
      continue;
    }
    expect(viaRest, asked).toMatchObject({
      status: 403,
      error: { code: 'insufficient_permissions', details: { required_scope: missing } },
    });
    expect(viaGraphQL.error, asked).toMatchObject({ details: { requiredScope: missing } });
  }
}

describe('no key makes a stronger one', () => {
  const HELD: readonly (readonly Scope[])[] = [
    ['admin'],
    ALL_BUT_ADMIN,
    ['keys:write'],
    ['keys:write', ...SCOPE_PRESETS.read],
    ['keys:write', ...SCOPE_PRESETS.ingest],
    ...SCOPES.filter((scope) => scope !== 'admin' && scope !== 'keys:write').map(
      (scope) => ['keys:write', scope] as const,
    ),
  ];

  it.each(HELD.map((held) => [held.join(' '), held] as const))('holding %s', async (_, held) => {
    const { secret } = await makeKey(meterr(), meterr().organization, { scopes: held });
    await proveNoStronger(secret, held);
  });

  it.each(MEMBER_ROLES)('as the key of a member who is %s', async (role) => {
    const { organization } = meterr();
    const member = await makeMemberRow(meterr(), organization, { role });
    const { secret } = await makeKey(meterr(), organization, { member, scopes: SCOPES });
    if (ROLE_SCOPES[role].includes('keys:write')) return proveNoStronger(secret, ROLE_SCOPES[role]);
    const refused = await create(secret, { scopes: ['usage:read'] });
    expect(refused).toMatchObject({ status: 403, error: { details: { required_scope: 'keys:write' } } });
  });
});

it('no key changes, rotates or revokes a stronger one, whatever the one scope is that it lacks', async () => {
  const { rest, sql } = meterr();
  const organization = await makeOrganization(meterr());
  const [narrow, wide] = [
    await makeKey(meterr(), organization, { scopes: ['keys:write'] }),
    await makeKey(meterr(), organization, { scopes: ALL_BUT_ADMIN }),
  ];
  const stateOf = async ({ uuid }: MadeKey) =>
    (await sql.query('SELECT * FROM api_keys WHERE id = $1', [uuid])).rows[0];
  for (const scope of SCOPES) {
    const target = await makeKey(meterr(), organization, { scopes: ['keys:write', scope] });
    for (const [caller, isWeaker] of [
      [narrow, scope !== 'keys:write'],
      [wide, scope === 'admin'],
    ] as const) {
      if (!isWeaker) continue;
      const before = await stateOf(target);
      for (const [method, suffix] of CHANGES) {
        const options = { key: caller.secret, body: bodyOf(method) };
        const answer = await rest(method, `/v1/api-keys/${target.id}${suffix}`, options);
        expect(answer, `${method} ${scope}`).toMatchObject({
          status: 403,
          error: { code: 'insufficient_permissions', details: { required_scope: scope } },
        });
      }
      expect(await stateOf(target)).toEqual(before);
    }
    const able = scope === 'admin' ? organization.key : wide;
    for (const [method, suffix] of CHANGES) {
      const options = { key: able.secret, body: bodyOf(method) };
      expect((await rest(method, `/v1/api-keys/${target.id}${suffix}`, options)).status).toBe(200);
    }
  }
});

describe('a key that is bound to a team', () => {
  let organization: MadeOrganization;
  let [team, otherTeam]: (MadeTeam | undefined)[] = [];
  let bound: MadeKey;

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    team = await makeTeam(meterr(), organization);
    otherTeam = await makeTeam(meterr(), organization);
    bound = await makeKey(meterr(), organization, { scopes: ['admin'], team });
  });

  it('makes keys of its team only, named or not: none of the organization, none of another team', async () => {
    for (const body of [{}, { team_id: team?.id }, { team_id: null }]) {
      const { status, body: made } = await create(bound.secret, { scopes: ['admin'], ...body });
      expect({ status, team: made.team_id }).toEqual({ status: 201, team: team?.id });
    }
    const missing = await create(bound.secret, { preset: 'read', team_id: noId('team') });
    const refused = await create(bound.secret, { preset: 'read', team_id: otherTeam?.id });
    expect([refused.status, refused.text]).toEqual([400, missing.text]);
    expect(refused.error?.details.fields?.[0]?.path).toBe('team_id');
  });

  it('sees, changes, rotates and revokes the keys of its team only; others are 404 as if they were not there', async () => {
    const { ok, rest } = meterr();
    const own = await makeKey(meterr(), organization, { scopes: ['usage:read'], team });
    const others = [
      organization.key,
      await makeKey(meterr(), organization, { scopes: ['usage:read'] }),
      await makeKey(meterr(), organization, { scopes: ['usage:read'], team: otherTeam }),
    ];
    const { data } = await ok<ListAnswer<KeyAnswer>>('GET', '/v1/api-keys?limit=100', { key: bound.secret });
    expect(new Set(data.map(({ team_id: id }) => id))).toEqual(new Set([team?.id]));
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining([own.id, bound.id]));
    for (const [method, suffix] of [['GET', ''] as const, ...CHANGES]) {
      const ask = (id: string) =>
        rest(method, `/v1/api-keys/${id}${suffix}`, { key: bound.secret, body: bodyOf(method) });
      const missing = await ask(noId('key'));
      for (const { id } of others) {
        const answer = await ask(id);
        expect([answer.status, answer.text]).toEqual([404, missing.text]);
      }
      expect((await ask(own.id)).status).toBe(200);
    }
  });
});

describe('the key of a member', () => {
  let organization: MadeOrganization;
  let team: MadeTeam;

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    team = await makeTeam(meterr(), organization);
  });

  const memberKey = async (role: MemberRoleName) => {
    const member = await makeMemberRow(meterr(), organization, { role, team });
    const key = await makeKey(meterr(), organization, { member, scopes: [...ROLE_SCOPES[role]] });
    return { ...key, member };
  };

  it('makes keys of the same member and team, and says so', async () => {
    const key = await memberKey('owner');
    const { status, body } = await create(key.secret, { preset: 'read' });
    expect({ status, ...body }).toMatchObject({ status: 201, member_id: key.member.id, team_id: team.id });
    const me = await meterr().ok('GET', '/v1/me', { key: body.secret });
    expect(me).toMatchObject({ api_key: { member_id: key.member.id, team_id: team.id } });
  });

  it('changes no key of a member whose role is above its own, though they hold the same scopes', async () => {
    const { rest } = meterr();
    const [owner, admin, viewer] = [await memberKey('owner'), await memberKey('admin'), await memberKey('viewer')];
    for (const [method, suffix] of CHANGES) {
      const ask = (key: MadeKey, { id }: MadeKey) =>
        rest(method, `/v1/api-keys/${id}${suffix}`, { key: key.secret, body: bodyOf(method) });
      expect(await ask(admin, owner)).toMatchObject({
        status: 403,
        error: { code: 'insufficient_permissions', details: { required_scope: 'admin' } },
      });
      expect((await ask(owner, await memberKey('admin'))).status).toBe(200);
      expect((await ask(admin, await memberKey('admin'))).status).toBe(200);
      expect((await ask(admin, viewer)).status).toBe(200);
    }
  });

  it('makes no key once its member is removed or demoted, though this process has not heard of it', async () => {
    const { sql } = meterr();
    const [removed, demoted] = [await memberKey('owner'), await memberKey('owner')];
    for (const key of [removed, demoted]) expect((await create(key.secret, { preset: 'read' })).status).toBe(201);
    const before = await countKeys();
    const client = await sql.connect();
    await client.query('BEGIN');
    await client.query('UPDATE members SET removed_at = now() WHERE id = $1', [removed.member.uuid]);
    await client.query("UPDATE members SET role = 'viewer' WHERE id = $1", [demoted.member.uuid]);
    const answers = [removed, demoted].map(({ secret }) => create(secret, { preset: 'read' }));
    await waitUntil('both wait for their members', async () => (await countBlocked(sql)) === 2);
    await client.query('COMMIT');
    client.release();
    const [late, weak] = await Promise.all(answers);
    expect([late?.status, late?.error?.code]).toEqual([401, 'invalid_api_key']);
    // A viewer holds every scope of the preset, and may not make keys: the role is read anew.
    expect([weak?.status, weak?.error?.code]).toEqual([403, 'insufficient_permissions']);
    expect(await countKeys()).toBe(before);
  });
});
