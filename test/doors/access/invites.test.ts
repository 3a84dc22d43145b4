import { createHash } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ROLE_SCOPES } from '../../../src/domain/access/roles.ts';
import type { ListAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import {
  type MadeOrganization,
  type MadeTeam,
  makeKey,
  makeMember,
  makeOrganization,
  makeTeam,
} from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';

interface InviteAnswer {
  id: string;
  team_id: string;
  email: string;
  role: string;
  created_at: string;
  expires_at: string;
  mail: string;
  accept_url?: string;
}

interface AcceptedAnswer {
  member: { id: string; email: string; name: string; role: string; team_id: string };
  api_key: { id: string; secret: string };
}

const PUBLIC_URL = 'https://meterr.example.com/sub';
const DAY_MS = 86_400_000;
const meterr = useTestApp({
  env: { METERR_PUBLIC_URL: `${PUBLIC_URL}/`, METERR_AUTH_FAILURES_PER_MINUTE: '1000000' },
});
let organization: MadeOrganization;
let team: MadeTeam;

beforeAll(async () => {
  organization = await makeOrganization(meterr(), { name: 'Acme' });
});
beforeEach(async () => {
  team = await makeTeam(meterr(), organization);
});

const asOwner = () => ({ key: organization.key.secret });
const invite = (email: string, role = 'member', key = organization.key.secret) =>
  meterr().rest<InviteAnswer>('POST', `/v1/teams/${team.id}/invite`, { key, body: { email, role } });
const accept = (token: string, name = 'Ann') =>
  meterr().rest<AcceptedAnswer>('POST', '/v1/invites/accept', { key: null, body: { token, name } });
const tokenOf = ({ accept_url: url = '' }: InviteAnswer) => new URL(url).searchParams.get('token') ?? '';
const inviteToken = async (email: string, role?: string) => tokenOf((await invite(email, role)).body);
const listOpen = async () =>
  (await meterr().ok<ListAnswer<InviteAnswer>>('GET', `/v1/teams/${team.id}/invites`, asOwner())).data;
const codeOf = ({ status, error }: { status: number; error?: { code: string } | undefined }) => [status, error?.code];
const ACCEPT = `mutation ($input: AcceptInviteInput!) {
  acceptInvite(input: $input) { member { id email name role teamId lastUsedAt } apiKey { id secret } } }`;

describe('an invite', () => {
  it('has a link that carries the cell, is good for 7 days, and is stored as a hash only', async () => {
    const { clock, sql } = meterr();
    const { status, body, headers } = await invite(' Ann@Example.com'.trim(), 'viewer');
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^invite_/),
      team_id: team.id,
      email: 'ann@example.com',
      role: 'viewer',
      created_at: new Date(clock.now()).toISOString(),
      expires_at: new Date(clock.now() + 7 * DAY_MS).toISOString(),
      mail: 'off',
      accept_url: expect.stringMatching(
        /^https:\/\/meterr\.example\.com\/sub\/invites\/accept\?token=inv_00[\w-]{43}$/,
      ),
    });
    expect(headers.get('cache-control')).toBe('no-store');
    const { accept_url: _, mail: __, ...listed } = body;
    expect(await listOpen()).toEqual([listed]);
    const { rows } = await sql.query('SELECT token_hash FROM invites WHERE team_id = $1', [team.uuid]);
    expect(rows[0].token_hash).toEqual(createHash('sha256').update(tokenOf(body)).digest());
    const everything = await sql.query(
      'SELECT i::text AS row FROM invites i UNION ALL SELECT a::text FROM audit_entries a',
    );
    expect(everything.rows.filter(({ row }) => row.includes(tokenOf(body)))).toEqual([]);
  });

  it('to an address that is still invited renews it: same id, new link and role, 7 more days', async () => {
    const { clock } = meterr();
    const first = await invite('ann@example.com', 'viewer');
    clock.advance(DAY_MS);
    const second = await invite('ANN@example.com', 'admin');
    expect(second.status).toBe(200);
    expect(second.body).toMatchObject({
      id: first.body.id,
      role: 'admin',
      expires_at: new Date(clock.now() + 7 * DAY_MS).toISOString(),
    });
    expect(codeOf(await accept(tokenOf(first.body)))).toEqual([404, 'not_found']);
    expect((await accept(tokenOf(second.body))).body.member).toMatchObject({ role: 'admin' });
  });

  it('to one address by many at the same time is one invite with one living link', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => invite('race@example.com')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const accepted = await Promise.all(answers.map(({ body }) => accept(tokenOf(body))));
    expect(accepted.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  it('to an address whose invite has expired is a new one', async () => {
    const { clock } = meterr();
    const first = await invite('late@example.com');
    clock.advance(7 * DAY_MS);
    expect(await listOpen()).toEqual([]);
    const second = await invite('late@example.com');
    expect([second.status, second.body.id === first.body.id]).toEqual([201, false]);
  });

  it('to a member is a conflict, also in other letters; in another team it is not', async () => {
    await accept(await inviteToken('ann@example.com'));
    expect(codeOf(await invite('Ann@EXAMPLE.com'))).toEqual([409, 'conflict']);
    team = await makeTeam(meterr(), organization);
    expect((await invite('ann@example.com')).status).toBe(201);
  });

  it.each([
    '',
    'ann',
    '@example.com',
    'ann@',
    'a@b@example.com',
    'Ann <ann@example.com>',
    'ann@example.com, eve@example.com',
    'ann@example.com;eve@example.com',
    'ann@example.com\r\nBcc: eve@example.com',
    'ann@example.com\n',
    'ann\0@example.com',
    'ann@exam ple.com',
    '"ann eve"@example.com',
    'ann@[127.0.0.1]',
    'ann..b@example.com',
    'ann@example..com',
    'ann@-example.com',
    'ann(eve)@example.com',
    `${'a'.repeat(65)}@example.com`,
    `ann@${'a.'.repeat(130)}com`,
  ])('is refused for %j: not one mailbox', async (email) => {
    const { status, error } = await invite(email);
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'email' });
  });

  it('is listed in pages, and revoked; a revoked one is gone', async () => {
    const { ok, rest, data } = meterr();
    for (const name of ['a', 'b', 'c']) await invite(`${name}@example.com`);
    const all = await listOpen();
    const path = `/v1/teams/${team.id}/invites`;
    const first = await ok<ListAnswer<InviteAnswer>>('GET', `${path}?limit=2`, asOwner());
    const second = await ok<ListAnswer<InviteAnswer>>('GET', `${path}?limit=2&cursor=${first.next_cursor}`, asOwner());
    expect([...first.data, ...second.data]).toEqual(all);
    const [revoked, other] = all as [InviteAnswer, InviteAnswer, InviteAnswer];
    expect(await ok('DELETE', `/v1/invites/${revoked.id}`, asOwner())).toEqual(revoked);
    expect(codeOf(await rest('DELETE', `/v1/invites/${revoked.id}`, asOwner()))).toEqual([404, 'not_found']);
    const mutation = 'mutation ($input: RevokeInviteInput!) { revokeInvite(input: $input) { id email } }';
    const answer = await data(mutation, { input: { id: other.id } }, asOwner());
    expect(answer).toEqual({ revokeInvite: { id: other.id, email: other.email } });
    expect((await listOpen()).map(({ id }) => id)).toEqual([all[2]?.id]);
  });

  it('in GraphQL says the same', async () => {
    const mutation = `mutation ($input: InviteMemberInput!) {
      inviteMember(input: $input) { id teamId email role mail acceptUrl wasInvited } }`;
    const input = { teamId: team.id, email: 'gql@example.com', role: 'ADMIN' };
    const made = await meterr().data<{ inviteMember: { id: string } }>(mutation, { input }, asOwner());
    expect(made).toMatchObject({
      inviteMember: { teamId: team.id, role: 'ADMIN', mail: 'OFF', wasInvited: false },
    });
    const query = `query ($team: ID!, $id: ID!) {
      invites(teamId: $team, first: 1) { edges { node { id email } } } node(id: $id) { __typename id } }`;
    const { id } = made.inviteMember;
    expect(await meterr().data(query, { team: team.id, id }, asOwner())).toEqual({
      invites: { edges: [{ node: { id, email: 'gql@example.com' } }] },
      node: { __typename: 'Invite', id },
    });
  });

  it('is there for its own organization and team only', async () => {
    const { rest, gql } = meterr();
    const { body } = await invite('wall@example.com');
    const stranger = await makeOrganization(meterr());
    const otherTeam = await makeTeam(meterr(), organization);
    const { secret: bound } = await makeKey(meterr(), organization, { scopes: ['admin'], team: otherTeam });
    for (const key of [stranger.key.secret, bound]) {
      const answers = [
        await rest('DELETE', `/v1/invites/${body.id}`, { key }),
        await rest('GET', `/v1/teams/${team.id}/invites`, { key }),
        await invite('x@example.com', 'viewer', key),
      ];
      const missing = await rest('DELETE', `/v1/invites/${noId('invite')}`, { key });
      expect(answers[0]?.text).toBe(missing.text);
      for (const answer of answers) expect(codeOf(answer)).toEqual([404, 'not_found']);
      const node = await gql('query ($id: ID!) { node(id: $id) { id } }', { id: body.id }, { key });
      expect(node.data).toEqual({ node: null });
    }
    expect((await listOpen()).map(({ id }) => id)).toEqual([body.id]);
  });

  it('of an owner is made, renewed and revoked by owners and keys of no member only', async () => {
    const { rest } = meterr();
    const [owner, admin] = [
      await makeMember(meterr(), organization, team, 'owner'),
      await makeMember(meterr(), organization, team, 'admin'),
    ];
    const { body } = await invite('boss@example.com', 'owner', owner.key.secret);
    const asAdmin = { key: admin.key.secret };
    expect((await invite('boss@example.com', 'viewer', admin.key.secret)).status).toBe(403);
    expect((await rest('DELETE', `/v1/invites/${body.id}`, asAdmin)).status).toBe(403);
    expect((await rest('DELETE', `/v1/invites/${body.id}`, { key: owner.key.secret })).status).toBe(200);
  });
});

describe('accepting', () => {
  it('makes the member and its own key, without a key and whatever key is sent, and raises the event', async () => {
    const { ok } = meterr();
    const { body: sent } = await invite('ann@example.com', 'admin');
    const { status, body, headers } = await accept(tokenOf(sent), '  Ann Lee ');
    expect({ status, cache: headers.get('cache-control') }).toEqual({ status: 201, cache: 'no-store' });
    expect(body).toEqual({
      member: {
        id: expect.stringMatching(/^member_/),
        team_id: team.id,
        email: 'ann@example.com',
        name: 'Ann Lee',
        role: 'admin',
        created_at: expect.any(String),
        last_used_at: null,
      },
      api_key: { id: expect.stringMatching(/^key_/), secret: expect.stringMatching(/^mtr_live_00/) },
    });
    const me = await ok<{ api_key: object; scopes: string[] }>('GET', '/v1/me', { key: body.api_key.secret });
    expect(me.api_key).toMatchObject({ id: body.api_key.id, name: 'Ann Lee', team_id: team.id });
    expect(me.scopes).toEqual([...ROLE_SCOPES.admin]);
    const events = await ok<ListAnswer<object>>('GET', `/v1/events?team_id=${team.id}`, asOwner());
    expect(events.data).toMatchObject([
      {
        event: 'invite.accepted',
        data: {
          invite_id: sent.id,
          team_id: team.id,
          member_id: body.member.id,
          email: 'ann@example.com',
          role: 'admin',
        },
      },
    ]);
    expect(await listOpen()).toEqual([]);

    const second = await inviteToken('bea@example.com');
    const withKey = { key: 'mtr_live_wrong', body: { token: second, name: 'Bea' } };
    expect((await meterr().rest('POST', '/v1/invites/accept', withKey)).status).toBe(201);
  });

  it('is audited: who accepted is the new member, from its address, without a key', async () => {
    const { ok } = meterr();
    const { body: sent } = await invite('audit@example.com');
    const { body } = await accept(tokenOf(sent));
    const log = await ok<ListAnswer<Record<string, unknown>>>('GET', '/v1/audit-log?limit=100', asOwner());
    const ofMember = log.data.filter((entry) => entry.actor_member_id === body.member.id);
    const actions = new Map(ofMember.map((entry) => [entry.action, entry]));
    const by = { actor_key_id: null, address: expect.any(String) };
    expect([...actions.keys()].sort()).toEqual(['api_key.created', 'invite.accepted', 'member.created']);
    expect(actions.get('invite.accepted')).toMatchObject({ ...by, target_id: sent.id });
    expect(actions.get('member.created')).toMatchObject({
      ...by,
      after: { email: 'audit@example.com', role: 'member' },
    });
    expect(JSON.stringify(log)).not.toContain(body.api_key.secret);
  });

  it('works without a key in GraphQL, where it is the only field; everything else stays 401', async () => {
    const { gql } = meterr();
    const input = { token: await inviteToken('gql@example.com'), name: 'Gil' };
    const open = { key: null };
    const refused: [string, object?][] = [
      ['{ me { scopes } }'],
      ['{ __typename }'],
      ['{ __schema { queryType { name } } }'],
      ['mutation ($input: AcceptInviteInput!) { acceptInvite(input: $input) { apiKey { secret } } __typename }'],
      [
        `${ACCEPT.replace('acceptInvite(', 'a: acceptInvite(').replace(/}\s*$/, '')} b: acceptInvite(input: $input) { apiKey { id } } }`,
      ],
      ['mutation { acceptInvite: createTeam(input: {name: "acceptInvite"}) { id } }'],
      [
        'mutation ($input: AcceptInviteInput!) { ...F } fragment F on Mutation { acceptInvite(input: $input) { apiKey { id } } }',
      ],
      ['query { acceptInvite'],
      [`${ACCEPT} # ${'x'.repeat(20_000)}`],
    ];
    for (const [query] of refused) {
      const { status, error } = await gql(query, { input }, open);
      expect({ query, status, code: error?.code }).toEqual({ query, status: 401, code: 'invalid_api_key' });
    }
    for (const bad of [{}, { token: input.token }, { token: input.token, name: '' }]) {
      const { error } = await gql(ACCEPT, { input: bad }, open);
      expect(error?.code).toBe('invalid_request');
    }
    const answer = await gql<{ acceptInvite: { member: object; apiKey: { secret: string } } }>(ACCEPT, { input }, open);
    expect(answer.errors).toBeUndefined();
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.data.acceptInvite.member).toMatchObject({ email: 'gql@example.com', name: 'Gil', role: 'MEMBER' });
    const { secret } = answer.data.acceptInvite.apiKey;
    expect((await meterr().rest('GET', '/v1/me', { key: secret })).status).toBe(200);
    expect((await gql(ACCEPT, { input }, open)).error?.code).toBe('not_found');
  });

  it('may be one operation of several, by its name, and is counted with a key as any other', async () => {
    const token = await inviteToken('named@example.com');
    const query = `query Me { me { scopes } } mutation Accept { acceptInvite(input: {token: "${token}", name: "N"}) { member { name } } }`;
    const ask = async (operationName: string) => {
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, operationName }),
      };
      return (await meterr().fetch('/graphql', init)).json();
    };
    expect(await ask('Me')).toMatchObject({ errors: [{ extensions: { code: 'invalid_api_key' } }] });
    expect(await ask('Accept')).toEqual({ data: { acceptInvite: { member: { name: 'N' } } } });
    const other = { input: { token: await inviteToken('keyed@example.com'), name: 'K' } };
    expect((await meterr().gql(ACCEPT, other, asOwner())).errors).toBeUndefined();
  });

  it('answers alike to every token that opens nothing', async () => {
    const { clock, ok } = meterr();
    const used = await inviteToken('used@example.com');
    await accept(used);
    const revoked = await invite('revoked@example.com');
    await ok('DELETE', `/v1/invites/${revoked.body.id}`, asOwner());
    const ofTeam = await inviteToken('gone@example.com');
    await ok('DELETE', `/v1/teams/${team.id}`, asOwner());
    team = await makeTeam(meterr(), organization);
    const expired = await inviteToken('expired@example.com');
    clock.advance(7 * DAY_MS);
    const unknown = `inv_00${'A'.repeat(43)}`;
    const tokens = [
      used,
      tokenOf(revoked.body),
      ofTeam,
      expired,
      unknown,
      unknown.replace('inv_00', 'inv_zz'),
      'inv',
      '',
    ];
    const answers = await Promise.all(tokens.map((token) => accept(token)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(codeOf(answers[0] ?? { status: 0 })).toEqual([404, 'not_found']);
  });

  it('ignores Idempotency-Key: a repeat is a used token', async () => {
    const options = {
      key: null,
      headers: { 'idempotency-key': 'k' },
      body: { token: await inviteToken('once@example.com'), name: 'O' },
    };
    const statuses: number[] = [];
    for (let i = 0; i < 2; i++) statuses.push((await meterr().rest('POST', '/v1/invites/accept', options)).status);
    expect(statuses).toEqual([201, 404]);
  });

  it.each([[{ name: '' }], [{ name: 'x'.repeat(101) }], [{ name: 7 }], [{}], [{ name: 'A', role: 'owner' }]])(
    'with %j is refused, and the invite stays open',
    async (given) => {
      const token = await inviteToken('stays@example.com');
      const { status } = await meterr().rest('POST', '/v1/invites/accept', { key: null, body: { token, ...given } });
      expect([status, (await listOpen()).length]).toEqual([400, 1]);
    },
  );

  it('takes at most 16 KiB of a stranger', async () => {
    const body = { token: 'x'.repeat(16_384), name: 'Eve' };
    const { status, error } = await meterr().rest('POST', '/v1/invites/accept', { key: null, body });
    expect([status, error?.code]).toEqual([413, 'payload_too_large']);
  });

  it('and revoking at the same moment: one of the two happens', async () => {
    const { rest } = meterr();
    for (let i = 0; i < 5; i++) {
      const { body } = await invite(`race-${i}@example.com`);
      const [accepted, revoked] = await Promise.all([
        accept(tokenOf(body)),
        rest('DELETE', `/v1/invites/${body.id}`, asOwner()),
      ]);
      expect([accepted.status, revoked.status]).toSatisfy(
        ([a, r]: number[]) => (a === 201 && r === 404) || (a === 404 && r === 200),
      );
    }
  });
});

describe('tokens that open nothing', () => {
  const limited = useTestApp({ env: { METERR_AUTH_FAILURES_PER_MINUTE: '3' } });

  it('count as failed authentication of their address, in both doors; a good one passes still', async () => {
    const { rest, gql, ok, organization: own } = limited();
    const address = '203.0.113.7';
    const body = { token: `inv_00${'A'.repeat(43)}`, name: 'Eve' };
    const tries = [
      await rest('POST', '/v1/invites/accept', { key: null, address, body }),
      await gql(ACCEPT, { input: body }, { key: null, address }),
      await rest('GET', '/v1/me', { key: 'mtr_live_wrong', address }),
      await gql(ACCEPT, { input: body }, { key: null, address }),
      await rest('POST', '/v1/invites/accept', { key: null, address, body }),
    ];
    expect(tries.map(({ error }) => error?.code)).toEqual([
      'not_found',
      'not_found',
      'invalid_api_key',
      'rate_limit_exceeded',
      'rate_limit_exceeded',
    ]);
    expect(Number(tries[4]?.headers.get('retry-after'))).toBeGreaterThan(0);
    const made = await makeTeam(limited(), own);
    const sent = await ok<InviteAnswer>('POST', `/v1/teams/${made.id}/invite`, {
      body: { email: 'good@example.com', role: 'viewer' },
    });
    const good = { token: tokenOf(sent), name: 'Good' };
    expect((await rest('POST', '/v1/invites/accept', { key: null, address, body: good })).status).toBe(201);
  });
});
