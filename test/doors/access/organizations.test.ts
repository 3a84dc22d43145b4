import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { formatId } from '../../../src/platform/ids.ts';
import type { ListAnswer } from '../../harness/answers.ts';
import { createTestApp, useTestApp } from '../../harness/app.ts';
import { makeKey, makeOrganization } from '../../harness/make.ts';
import { noId, OPEN, OPERATIONS } from '../../harness/operations.ts';

interface NewOrganization {
  id: string;
  name: string;
  plan: string;
  credits: string;
  retention_days: number | null;
  created_at: string;
  api_key: { id: string; secret: string };
}

const OPERATOR_KEY = 'operator-key-of-the-tests';
const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
const operator = { key: OPERATOR_KEY };
const MAKE =
  'mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id apiKey { secret } } }';
const CHANGE = 'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { id plan } }';

const make = (body: object) => meterr().rest<NewOrganization>('POST', '/v1/organizations', { ...operator, body });

describe('the operator', () => {
  it("makes an organization with its owner's key, which then works", async () => {
    const { ok } = meterr();
    const { status, body } = await make({ name: 'Acme', plan: 'pro', credits: 'prepaid' });
    expect(status).toBe(201);
    const shown = { name: 'Acme', plan: 'pro', credits: 'prepaid', retention_days: null };
    expect(body).toMatchObject({ id: expect.stringMatching(/^org_/), ...shown });
    const me = await ok<object>('GET', '/v1/me', { key: body.api_key.secret });
    const { api_key: key, ...organization } = body;
    expect(me).toMatchObject({ organization, api_key: { id: key.id, team_id: null }, scopes: ['admin'] });
  });

  it('gets the free plan and no credits where it asks for nothing else, through GraphQL too', async () => {
    const { ok, data } = meterr();
    expect((await make({ name: 'Modest' })).body).toMatchObject({ plan: 'free', credits: 'none' });
    const made = await data<{ createOrganization: { apiKey: { secret: string } } }>(
      MAKE,
      { input: { name: 'Graph' } },
      operator,
    );
    const me = await ok<object>('GET', '/v1/me', { key: made.createOrganization.apiKey.secret });
    expect(me).toMatchObject({ organization: { name: 'Graph', plan: 'free', credits: 'none' } });
  });

  it('changes plan, credits, name and retention, one by one, and it counts at once', async () => {
    const { rest, ok, data } = meterr();
    const { body } = await make({ name: 'Growing' });
    const { id, api_key: key } = body;
    const limit = async () => {
      const { headers } = await rest('GET', '/v1/me', { key: key.secret });
      return headers.get('x-ratelimit-limit');
    };
    const change = (fields: object) => ok<object>('PATCH', `/v1/organizations/${id}`, { ...operator, body: fields });
    const { api_key: _, ...known } = body;
    expect(await limit()).toBe('100');
    expect(await change({ plan: 'pro' })).toEqual({ ...known, plan: 'pro' });
    expect(await limit()).toBe('1000');
    expect(await data(CHANGE, { input: { id, plan: 'ENTERPRISE' } }, operator)).toEqual({
      updateOrganization: { id, plan: 'ENTERPRISE' },
    });
    expect(await limit()).toBeNull();
    expect(await change({ retention_days: 30 })).toMatchObject({ plan: 'enterprise', retention_days: 30 });
    const changed = { name: 'Grown', credits: 'prepaid', retention_days: 30 };
    expect(await change({ name: ' Grown ', credits: 'prepaid' })).toMatchObject(changed);
    expect(await change({ retention_days: null })).toMatchObject({ ...changed, retention_days: null });
    const me = await ok<object>('GET', '/v1/me', { key: key.secret });
    expect(me).toMatchObject({ organization: { name: 'Grown', credits: 'prepaid', retention_days: null } });
  });

  it('leaves its changes in the audit log of the organization, without the secret', async () => {
    const { ok, clock } = meterr();
    const { body } = await make({ name: 'Audited' });
    const { id, api_key: key } = body;
    clock.advance(1);
    await ok('PATCH', `/v1/organizations/${id}`, { ...operator, body: { plan: 'pro' } });
    const log = await ok<ListAnswer<object>>('GET', '/v1/audit-log', { key: key.secret });
    const state = {
      name: 'Audited',
      plan: 'free',
      credits: 'none',
      credits_by: 'organization',
      retention_days: null,
      status: 'active',
    };
    const by = { actor_key_id: null, target_id: id };
    expect(log.data).toMatchObject([
      { ...by, action: 'organization.updated', before: state, after: { ...state, plan: 'pro' } },
      { ...by, action: 'organization.created', before: null, after: { ...state, api_key_id: key.id } },
    ]);
    expect(JSON.stringify(log)).not.toContain(key.secret);
  });

  it.each<[string, string, object]>([
    ['no name', 'name', { plan: 'free' }],
    ['an unknown plan', 'plan', { name: 'x', plan: 'platinum' }],
    ['unknown credits', 'credits', { name: 'x', credits: 'some' }],
    ['a field that is none', 'colour', { name: 'x', colour: 'red' }],
    ['a status, which is for later', 'status', { name: 'x', status: 'active' }],
  ])('is told what is wrong: %s', async (_, path, body) => {
    const { status, error } = await make(body);
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path });
  });

  it.each([0, 36_501, 1.5])('cannot keep events for %d days', async (days) => {
    const { id } = await makeOrganization(meterr());
    const body = { retention_days: days };
    const { status, error } = await meterr().rest('PATCH', `/v1/organizations/${id}`, { ...operator, body });
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'retention_days' });
  });

  it('is told where there is no such organization', async () => {
    for (const id of ['org_01h455vb4pex5vsknk084sn02q', 'nonsense']) {
      const { status } = await meterr().rest('PATCH', `/v1/organizations/${id}`, { ...operator, body: {} });
      expect(status).toBe(404);
      expect((await meterr().rest('GET', `/v1/organizations/${id}`, operator)).status).toBe(404);
    }
  });

  it.each([
    ['status', 'asleep'],
    ['credits_by', 'nobody'],
  ])('is told which %s there are', async (field, value) => {
    const { id } = await makeOrganization(meterr());
    const { status, error } = await meterr().rest('PATCH', `/v1/organizations/${id}`, {
      ...operator,
      body: { [field]: value },
    });
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: field });
  });

  it('reads one organization, as the answer to its last change was', async () => {
    const { ok, data } = meterr();
    const { id } = await makeOrganization(meterr(), { name: 'Read' });
    const changed = await ok<object>('PATCH', `/v1/organizations/${id}`, { ...operator, body: { plan: 'pro' } });
    expect(await ok('GET', `/v1/organizations/${id}`, operator)).toEqual(changed);
    const found = await data('query ($id: ID) { organization(id: $id) { id name plan } }', { id }, operator);
    expect(found).toEqual({ organization: { id, name: 'Read', plan: 'PRO' } });
  });

  it('lists every organization once, newest first, over its pages, in both doors', async () => {
    const { ok, data } = meterr();
    for (let i = 0; i < 3; i++) await makeOrganization(meterr());
    const { rows } = await meterr().sql.query<{ id: string }>('SELECT id FROM organizations ORDER BY id DESC');
    const expected = rows.map(({ id }) => formatId('organization', id));
    const listed: string[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `/v1/organizations?limit=2${cursor ? `&cursor=${cursor}` : ''}`;
      const page: ListAnswer<{ id: string }> = await ok('GET', path, operator);
      listed.push(...page.data.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor);
    expect(listed).toEqual(expected);
    const first = await data('{ organizations(first: 1) { edges { node { id } } } }', null, operator);
    expect(first).toEqual({ organizations: { edges: [{ node: { id: expected[0] } }] } });
  });

  it('is not limited by any plan', async () => {
    const { headers } = await make({ name: 'Unlimited' });
    expect(headers.get('x-ratelimit-limit')).toBeNull();
  });
});

describe('the operator key opens nothing else', () => {
  // Those that a key may ask as well.
  const SHARED = ['organization', 'grantCredits'];
  const isOther = (field: string) => !OPEN.has(field) && !SHARED.includes(field);
  const ofOthers = OPERATIONS.filter(({ scope, field }) => scope !== 'operator' && isOther(field));

  it.each(ofOthers)('$field', async ({ rest: { method, url, body }, graphql }) => {
    const viaRest = await meterr().rest(method, url, { ...operator, body });
    expect({ status: viaRest.status, code: viaRest.error?.code }).toEqual({
      status: 403,
      code: 'insufficient_permissions',
    });
    // Twice: the second is answered by the compiled operation, where there is a socket.
    for (let i = 0; i < 2; i++) {
      const { error } = await meterr().gql(graphql.query, graphql.variables, operator);
      expect(error?.code).toBe('insufficient_permissions');
    }
  });

  it('nor the nodes of any organization', async () => {
    const { id } = meterr().organization;
    const query = 'query ($id: ID!) { node(id: $id) { id } }';
    expect((await meterr().gql(query, { id }, operator)).error?.code).toBe('insufficient_permissions');
    expect((await meterr().gql('{ organization { id } }', null, operator)).error?.code).toBe(
      'insufficient_permissions',
    );
  });
});

describe('whoever is not the operator', () => {
  it('is refused, an admin key too, by both doors', async () => {
    const { rest, gql, organization } = meterr();
    for (const answer of [
      await rest('GET', '/v1/organizations'),
      await rest('POST', '/v1/organizations', { body: { name: 'x' } }),
      await rest('PATCH', `/v1/organizations/${organization.id}`, { body: { plan: 'pro' } }),
    ]) {
      const details = { required_scope: 'operator' };
      expect(answer).toMatchObject({ status: 403, error: { code: 'insufficient_permissions', details } });
    }
    for (const answer of [
      await gql('{ organizations { edges { node { id } } } }'),
      await gql(MAKE, { input: { name: 'x' } }),
      await gql(CHANGE, { input: { id: organization.id, plan: 'PRO' } }),
    ]) {
      const details = { requiredScope: 'operator' };
      expect(answer.error).toMatchObject({ code: 'insufficient_permissions', details });
    }
  });

  it('reads its own organization by id, whatever its scopes; any other is as one that does not exist', async () => {
    const { rest, gql, organization } = meterr();
    const other = await makeOrganization(meterr());
    const { secret: key } = await makeKey(meterr(), organization);
    const own = await rest<object>('GET', `/v1/organizations/${organization.id}`, { key });
    expect(own).toMatchObject({ status: 200, body: { id: organization.id, status: 'active' } });
    const [foreign, missing] = [
      await rest('GET', `/v1/organizations/${other.id}`, { key }),
      await rest('GET', `/v1/organizations/${noId('org')}`, { key }),
    ];
    expect(missing.status).toBe(404);
    expect(foreign.text).toBe(missing.text);
    const query = 'query ($id: ID) { organization(id: $id) { id } }';
    const answers = [await gql(query, { id: other.id }, { key }), await gql(query, { id: noId('org') }, { key })];
    // Twice the same query: the second is answered by the compiled operation, which orders its keys otherwise.
    expect(JSON.parse(answers[0]?.text ?? '')).toEqual(JSON.parse(answers[1]?.text ?? '{}'));
    expect(await gql(query, null, { key })).toMatchObject({ data: { organization: { id: organization.id } } });
  });

  it.each(['operator-key-of-the-test', `${OPERATOR_KEY}!`, 'Operator-key-of-the-tests'])(
    '%s is no key',
    async (key) => {
      const { status, error } = await meterr().rest('POST', '/v1/organizations', { key, body: { name: 'x' } });
      expect({ status, code: error?.code }).toEqual({ status: 401, code: 'invalid_api_key' });
    },
  );
});

it('where no operator key is set, nobody is the operator', async () => {
  const second = await createTestApp({ connectionString: meterr().connectionString });
  for (const key of [OPERATOR_KEY, 'null', 'undefined', '']) {
    expect((await second.rest('POST', '/v1/organizations', { key, body: { name: 'x' } })).status).toBe(401);
  }
  await second.close();
});

it('the operator is the operator over WebSocket too', async () => {
  const { connectionString } = meterr();
  const env = { METERR_OPERATOR_KEY: OPERATOR_KEY };
  const second = await createTestApp({ connectionString, env, through: 'fetch' });
  const { port } = await second.app.listen(0, '127.0.0.1');
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql`,
    connectionParams: { authorization: `Bearer ${OPERATOR_KEY}` },
    lazyCloseTimeout: 1_000,
  });
  const ask = async (query: string, variables?: Record<string, unknown>) => {
    for await (const answer of client.iterate({ query, variables })) return answer;
    return null;
  };
  const made = await ask(MAKE, { input: { name: 'Socket' } });
  const refused = await ask('{ teams { edges { node { id } } } }');
  await client.dispose();
  await second.close();
  expect(made?.errors).toBeUndefined();
  expect(made?.data).toMatchObject({ createOrganization: { apiKey: { secret: expect.stringMatching(/^mtr_live_/) } } });
  expect(refused?.errors?.[0]?.extensions?.code).toBe('insufficient_permissions');
});
