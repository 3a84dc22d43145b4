import { describe, expect, it } from 'vitest';
import { formatId } from '../../../src/platform/ids.ts';
import type { ListAnswer } from '../../harness/answers.ts';
import { createTestApp, DEFAULT_NOW, useTestApp } from '../../harness/app.ts';
import { makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';

interface KeyAnswer {
  id: string;
  hint: string;
  scopes: string[];
  last_used_at: string | null;
  secret?: string;
}

const meterr = useTestApp();
const DAY_MS = 86_400_000;
const FIELDS =
  'id name hint scopes teamId memberId expiresAt lastUsedAt revokedAt createdAt oldSecretUntil otlp { exclusiveInput }';
const IN_2030 = '2030-01-01T00:00:00.000Z';

const create = (body: object, key?: string) =>
  meterr().rest<Required<KeyAnswer>>('POST', '/v1/api-keys', { body: { name: 'A key', ...body }, key });
const made = async (body: object = { preset: 'ingest' }, key?: string) => {
  const answer = await create(body, key);
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
};
const statusOf = async (key: string) => (await meterr().rest('GET', '/v1/me', { key })).status;
const idsOf = async (query = '', key?: string) =>
  (await meterr().ok<ListAnswer<KeyAnswer>>('GET', `/v1/api-keys${query}`, { key })).data.map(({ id }) => id);

describe('a key', () => {
  it('is made, read, changed and revoked, the same in both doors; its secret is shown once', async () => {
    const { rest, ok, data, gql, clock } = meterr();
    const answer = await create({
      name: '  Chat  ',
      scopes: ['usage:read', 'usage:write', 'usage:read'],
      expires_at: IN_2030,
      otlp: { exclusive_input: true },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { secret, ...key } = answer.body;
    expect(secret).toMatch(/^mtr_live_00[\w-]{43}$/);
    expect(key).toEqual({
      id: expect.stringMatching(/^key_/),
      name: 'Chat',
      hint: secret.slice(-4),
      scopes: ['usage:write', 'usage:read'],
      team_id: null,
      member_id: null,
      expires_at: IN_2030,
      last_used_at: null,
      revoked_at: null,
      created_at: new Date(clock.now()).toISOString(),
      old_secret_until: null,
      otlp: { exclusive_input: true },
    });
    const path = `/v1/api-keys/${key.id}`;
    expect(await ok('GET', path)).toEqual(key);
    expect(await ok('GET', '/v1/me', { key: secret })).toMatchObject({ api_key: key, scopes: key.scopes });

    const renamed = await ok('PATCH', path, { body: { name: 'Talk' } });
    expect(renamed).toEqual({ ...key, name: 'Talk' });
    const unlimited = await ok('PATCH', path, { body: { expires_at: null, otlp: { exclusive_input: false } } });
    expect(unlimited).toEqual({ ...key, name: 'Talk', expires_at: null, otlp: { exclusive_input: false } });
    expect(await ok('PATCH', path, { body: {} })).toEqual(unlimited);

    const query = `query ($id: ID!) { apiKey(id: $id) { ${FIELDS} team { id } } node(id: $id) { id } }`;
    expect(await data(query, { id: key.id })).toMatchObject({
      apiKey: { id: key.id, name: 'Talk', hint: key.hint, oldSecretUntil: null, team: null },
      node: { id: key.id },
    });
    const revoked = await ok<object>('DELETE', path);
    expect(revoked).toEqual({ ...Object(unlimited), revoked_at: new Date(clock.now()).toISOString() });
    expect(await statusOf(secret)).toBe(401);
    for (const shown of [renamed, unlimited, revoked, await ok('GET', path), await idsOf()]) {
      expect(JSON.stringify(shown)).not.toContain(secret);
    }

    const mutation = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret ${FIELDS} } }`;
    const input = { name: 'Graph', preset: 'READ' };
    const viaGraphQL = await gql<{ createApiKey: { id: string; secret: string; scopes: string[] } }>(mutation, {
      input,
    });
    expect(viaGraphQL.headers.get('cache-control')).toBe('no-store');
    const { createApiKey: second } = viaGraphQL.data;
    expect(second.scopes.length).toBeGreaterThan(3);
    expect(second.scopes.every((scope) => scope.endsWith(':read'))).toBe(true);
    expect(await statusOf(second.secret)).toBe(200);
    const change = `mutation ($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { ${FIELDS} } }`;
    expect(await data(change, { input: { id: second.id, expiresAt: IN_2030 } })).toMatchObject({
      updateApiKey: { name: 'Graph', expiresAt: IN_2030 },
    });
    const revoke = `mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { ${FIELDS} } }`;
    expect(await data(revoke, { input: { id: second.id } })).toMatchObject({
      revokeApiKey: { revokedAt: new Date(clock.now()).toISOString() },
    });
    expect((await rest('GET', '/v1/me', { key: second.secret })).error?.code).toBe('invalid_api_key');
  });

  it('has the preset’s scopes: ingest is usage:write alone', async () => {
    expect((await made({ preset: 'ingest' })).scopes).toEqual(['usage:write']);
  });

  it.each<[string, string, object]>([
    ['no name', 'name', { name: undefined, preset: 'read' }],
    ['an empty name', 'name', { name: ' ', preset: 'read' }],
    ['a name of 101 characters', 'name', { name: 'x'.repeat(101), preset: 'read' }],
    ['neither scopes nor a preset', 'scopes', {}],
    ['both', 'scopes', { scopes: ['usage:read'], preset: 'read' }],
    ['no scope', 'scopes', { scopes: [] }],
    ['an unknown scope', 'scopes.1', { scopes: ['usage:read', 'usage:delete'] }],
    ['a scope of another case', 'scopes.0', { scopes: ['Admin'] }],
    ['very many scopes', 'scopes', { scopes: Array(19).fill('usage:read') }],
    ['an unknown preset', 'preset', { preset: 'everything' }],
    ['a time that is over', 'expires_at', { preset: 'read', expires_at: DEFAULT_NOW }],
    ['an invalid time', 'expires_at', { preset: 'read', expires_at: 'tomorrow' }],
    ['a team that does not exist', 'team_id', { preset: 'read', team_id: noId('team') }],
    ['a team id that is none', 'team_id', { preset: 'read', team_id: '' }],
    ['a member', 'member_id', { preset: 'read', member_id: noId('member') }],
    ['an unknown setting', 'otlp.inclusive', { preset: 'read', otlp: { inclusive: true } }],
  ])('is refused with %s', async (_, path, body) => {
    const { status, error } = await create(body);
    expect({ status, code: error?.code, path: error?.details.fields?.[0]?.path }).toEqual({
      status: 400,
      code: 'invalid_request',
      path,
    });
  });

  it('is refused by GraphQL with the same reasons', async () => {
    const mutation = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { id } }';
    const refuse = async (input: object) =>
      (await meterr().gql(mutation, { input: { name: 'x', ...input } })).error?.details.fields?.[0];
    expect(await refuse({ scopes: ['usage:write', 'x'] })).toMatchObject({ path: 'scopes.1' });
    expect(await refuse({})).toMatchObject({ path: 'scopes' });
    expect(await refuse({ preset: 'READ', expiresAt: DEFAULT_NOW })).toMatchObject({ path: 'expiresAt' });
    expect(await refuse({ preset: 'READ', teamId: noId('team') })).toMatchObject({ path: 'teamId' });
  });

  it('does not end in the past by a change, nor change its scopes or its team', async () => {
    const { id } = await made();
    for (const [path, body] of [
      ['expires_at', { expires_at: DEFAULT_NOW }],
      ['name', { name: '' }],
      ['scopes', { scopes: ['admin'] }],
      ['team_id', { team_id: null }],
    ] as const) {
      const { status, error } = await meterr().rest('PATCH', `/v1/api-keys/${id}`, { body });
      expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path });
    }
  });

  it('may be bound to a team, and ends with it', async () => {
    const { ok, rest, organization } = meterr();
    const team = await makeTeam(meterr(), organization);
    const key = await made({ preset: 'read', team_id: team.id });
    expect(key).toMatchObject({ team_id: team.id });
    expect(await ok('GET', '/v1/me', { key: key.secret })).toMatchObject({ api_key: { team_id: team.id } });
    await ok('DELETE', `/v1/teams/${team.id}`);
    expect(await statusOf(key.secret)).toBe(401);
    expect(await ok<object>('GET', `/v1/api-keys/${key.id}`)).toMatchObject({ revoked_at: expect.any(String) });
    const late = await create({ preset: 'read', team_id: team.id });
    expect(late.error?.details.fields?.[0]?.path).toBe('team_id');
    expect((await rest('PATCH', `/v1/api-keys/${key.id}`, { body: { name: 'x' } })).status).toBe(409);
  });

  it('that has expired is refused, and accepted again with another end', async () => {
    const { clock, ok, rest } = meterr();
    const key = await made({ preset: 'read', expires_at: new Date(clock.now() + 1_000).toISOString() });
    expect(await statusOf(key.secret)).toBe(200);
    clock.advance(1_000);
    expect((await rest('GET', '/v1/me', { key: key.secret })).error?.code).toBe('expired_api_key');
    expect((await rest('POST', `/v1/api-keys/${key.id}/rotate`, {})).status).toBe(409);
    await ok('PATCH', `/v1/api-keys/${key.id}`, { body: { expires_at: IN_2030 } });
    expect(await statusOf(key.secret)).toBe(200);
  });

  it('may revoke itself, and is answered', async () => {
    const { rest } = meterr();
    const key = await made({ scopes: ['keys:write'] });
    const answer = await rest('DELETE', `/v1/api-keys/${key.id}`, { key: key.secret });
    expect({ status: answer.status, body: answer.body }).toMatchObject({
      status: 200,
      body: { id: key.id, revoked_at: expect.any(String) },
    });
    expect(await statusOf(key.secret)).toBe(401);
  });

  it('reads itself without any scope, and no other', async () => {
    const { ok, rest, organization } = meterr();
    const key = await makeKey(meterr(), organization);
    expect(await ok('GET', `/v1/api-keys/${key.id}`, { key: key.secret })).toMatchObject({ id: key.id, scopes: [] });
    const other = await rest('GET', `/v1/api-keys/${organization.key.id}`, { key: key.secret });
    expect(other).toMatchObject({ status: 403, error: { details: { required_scope: 'keys:write' } } });
  });

  it('once revoked is neither changed nor rotated; to revoke it again changes nothing', async () => {
    const { ok, rest, sql, clock } = meterr();
    const { id } = await made();
    const revoked = await ok('DELETE', `/v1/api-keys/${id}`);
    const countEntries = async () => (await sql.query('SELECT count(*) FROM audit_entries')).rows[0].count;
    const before = await countEntries();
    clock.advance(1_000);
    for (const [method, path, body] of [
      ['PATCH', `/v1/api-keys/${id}`, { expires_at: IN_2030 }],
      ['POST', `/v1/api-keys/${id}/rotate`, {}],
    ] as const) {
      const { status, error } = await rest(method, path, { body });
      expect({ status, code: error?.code }).toEqual({ status: 409, code: 'conflict' });
      expect(error?.message).toContain('revoked');
    }
    expect(await ok('DELETE', `/v1/api-keys/${id}`)).toEqual(revoked);
    expect(await countEntries()).toBe(before);
  });

  it('is not there for another organization, nor where its id is none', async () => {
    const { rest } = meterr();
    const { id } = await made();
    const theirs = { key: (await makeOrganization(meterr())).key.secret };
    for (const [method, suffix, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { name: 'x' }],
      ['DELETE', '', undefined],
      ['POST', '/rotate', {}],
    ] as const) {
      const missing = await rest(method, `/v1/api-keys/${noId('key')}${suffix}`, { ...theirs, body });
      for (const one of [id, 'nonsense']) {
        const answer = await rest(method, `/v1/api-keys/${one}${suffix}`, { ...theirs, body });
        expect([answer.status, answer.text]).toEqual([404, missing.text]);
      }
    }
  });
});

it('keys are listed newest first, in pages', async () => {
  const { rest, clock } = meterr();
  const { key } = await makeOrganization(meterr());
  const ids = [key.id];
  for (let i = 0; i < 4; i++) {
    clock.advance(1);
    ids.unshift((await made({ preset: 'read' }, key.secret)).id);
  }
  // The first was made by the real clock.
  const expected = [...ids].sort().reverse();
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await meterr().ok<ListAnswer<KeyAnswer>>('GET', `/v1/api-keys?limit=2${cursor}`, { key: key.secret });
    seen.push(...page.data.map(({ id }) => id));
    if (!page.has_more) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  expect(seen).toEqual(expected);
  const query = '{ apiKeys(first: 3) { edges { node { id } } pageInfo { hasNextPage } } }';
  const { apiKeys } = await meterr().data<{ apiKeys: { edges: { node: KeyAnswer }[]; pageInfo: object } }>(
    query,
    null,
    { key: key.secret },
  );
  expect(apiKeys.edges.map(({ node }) => node.id)).toEqual(expected.slice(0, 3));
  expect(apiKeys.pageInfo).toEqual({ hasNextPage: true });
  for (const question of ['limit=0', 'limit=101', 'cursor=nonsense', 'colour=red']) {
    expect((await rest('GET', `/v1/api-keys?${question}`)).status).toBe(400);
  }
});

it('a key is listed for 90 days after it was revoked or has expired, and found by its id after that', async () => {
  const { ok, clock } = meterr();
  const { key } = await makeOrganization(meterr());
  const revoked = await made({ preset: 'read' }, key.secret);
  const expiring = await made({ preset: 'read', expires_at: new Date(clock.now() + 60_000).toISOString() }, key.secret);
  await ok('DELETE', `/v1/api-keys/${revoked.id}`, { key: key.secret });
  clock.advance(90 * DAY_MS - 1);
  expect((await idsOf('', key.secret)).sort()).toEqual([key.id, revoked.id, expiring.id].sort());
  clock.advance(1);
  expect((await idsOf('', key.secret)).sort()).toEqual([key.id, expiring.id].sort());
  clock.advance(60_000);
  expect(await idsOf('', key.secret)).toEqual([key.id]);
  expect(await ok('GET', `/v1/api-keys/${revoked.id}`, { key: key.secret })).toMatchObject({ id: revoked.id });
  clock.set(DEFAULT_NOW);
});

it('when a key was last used is told to the minute', async () => {
  const { ok, connectionString } = meterr();
  const key = await made();
  // A process writes these times now and then, and when it ends.
  const second = await createTestApp({ connectionString, now: '2026-11-22T10:07:59.999Z' });
  await second.ok('GET', '/v1/me', { key: key.secret });
  await second.close();
  expect(await ok('GET', `/v1/api-keys/${key.id}`)).toMatchObject({ last_used_at: '2026-11-22T10:07:00.000Z' });
});

it('an organization has at most 10,000 living keys; what ended makes room', async () => {
  const { rest, ok, sql } = meterr();
  const { uuid, key } = await makeOrganization(meterr());
  await sql.query(
    `INSERT INTO api_keys (id, organization_id, name, secret_hash, hint, scopes, revoked_at, expires_at)
     SELECT gen_random_uuid(), $1, 'one of many', sha256((random() || n::text)::bytea), 'many', '{usage:write}',
            CASE WHEN n > 10093 THEN now() END,
            CASE WHEN n <= 100 THEN '2026-11-22T09:00:00Z'::timestamptz
                 WHEN n <= 5000 THEN '2027-01-01T00:00:00Z'::timestamptz END
       FROM generate_series(1, 10200) AS n`,
    [uuid],
  );
  const makers = Array.from({ length: 5 }, () => makeKey(meterr(), { uuid }, { scopes: ['admin'] }));
  const attempts = await Promise.all(
    (await Promise.all(makers)).map(({ secret }) => create({ preset: 'ingest' }, secret)),
  );
  expect(attempts.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
  const refused = attempts.find(({ status }) => status === 409);
  expect(refused?.error).toMatchObject({ code: 'conflict', message: expect.stringContaining('10,000') });
  const expired = await sql.query('SELECT id FROM api_keys WHERE organization_id = $1 AND expires_at < $2 LIMIT 1', [
    uuid,
    DEFAULT_NOW,
  ]);
  const revive = await rest('PATCH', `/v1/api-keys/${formatId('apiKey', expired.rows[0].id)}`, {
    key: key.secret,
    body: { expires_at: IN_2030 },
  });
  expect(revive.error?.code).toBe('conflict');
  const winner = attempts.find(({ status }) => status === 201)?.body.id;
  await ok('DELETE', `/v1/api-keys/${winner}`, { key: key.secret });
  expect((await create({ preset: 'ingest' }, key.secret)).status).toBe(201);
});

it('a repeat with the same Idempotency-Key gets the same secret, and makes no second key', async () => {
  const { rest, sql } = meterr();
  const send = (path: string, body: object) =>
    rest<Required<KeyAnswer>>('POST', path, { headers: { 'idempotency-key': `keys ${path}` }, body });
  const [first, second] = [
    await send('/v1/api-keys', { name: 'Once', preset: 'ingest' }),
    await send('/v1/api-keys', { name: 'Once', preset: 'ingest' }),
  ];
  expect(second.text).toBe(first.text);
  expect(second.headers.get('idempotent-replayed')).toBe('true');
  expect(second.headers.get('cache-control')).toBe('no-store');
  expect((await sql.query("SELECT FROM api_keys WHERE name = 'Once'")).rowCount).toBe(1);
  const path = `/v1/api-keys/${first.body.id}/rotate`;
  const rotated = [await send(path, {}), await send(path, {})];
  expect(rotated[1]?.text).toBe(rotated[0]?.text);
  expect(await statusOf(rotated[0]?.body.secret ?? '')).toBe(200);
  const { rows } = await sql.query('SELECT body FROM idempotency_keys');
  for (const { body } of rows) expect(body.toString('latin1')).not.toContain('mtr_live_');
});

it('the audit log tells who made, changed, rotated and revoked a key, without its secret', async () => {
  const { ok, clock, organization } = meterr();
  clock.advance(1);
  const key = await made({ name: 'Audited', preset: 'ingest' });
  const path = `/v1/api-keys/${key.id}`;
  clock.advance(1);
  await ok('PATCH', path, { body: { name: 'Audited twice' } });
  await ok('PATCH', path, { body: { name: 'Audited twice' } });
  clock.advance(1);
  const { secret, hint } = await ok<Required<KeyAnswer>>('POST', `${path}/rotate`, { body: { grace_seconds: 60 } });
  const until = new Date(clock.now() + 60_000).toISOString();
  clock.advance(1);
  await ok('DELETE', path);
  const log = await ok<ListAnswer<{ target_id: string }>>('GET', '/v1/audit-log?limit=100');
  const state = { scopes: ['usage:write'], team_id: null, member_id: null, expires_at: null, otlp: {} };
  const [first, last] = [
    { ...state, name: 'Audited', otlp: { exclusive_input: false } },
    { ...state, name: 'Audited twice', otlp: { exclusive_input: false } },
  ];
  const by = { actor_key_id: organization.key.id, target_id: key.id };
  expect(log.data.filter(({ target_id: id }) => id === key.id)).toMatchObject([
    { ...by, action: 'api_key.revoked', before: last, after: null },
    { ...by, action: 'api_key.rotated', before: { hint: key.hint }, after: { hint, old_secret_until: until } },
    { ...by, action: 'api_key.updated', before: first, after: last },
    { ...by, action: 'api_key.created', before: null, after: first },
  ]);
  for (const text of [key.secret, secret]) expect(JSON.stringify(log)).not.toContain(text);
});
