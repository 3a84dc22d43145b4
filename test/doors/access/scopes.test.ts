import { describe, expect, it } from 'vitest';
import { SCOPES, type Scope } from '../../../src/domain/access/scopes.ts';
import { ROUTES } from '../../../src/rest/app.ts';
import { useTestApp } from '../../harness/app.ts';
import { makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';
import { OPERATIONS, type Operation, REST_ONLY } from '../../harness/operations.ts';

const OPERATOR_KEY = 'the-operator-of-these-tests';
const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
const keys = new Map<string, string>();

/** A key of the first organization with these scopes; made once. */
async function keyWith(scopes: readonly Scope[]): Promise<string> {
  const name = scopes.join(' ');
  const known = keys.get(name);
  if (known) return known;
  const { secret } = await makeKey(meterr(), meterr().organization, { scopes });
  keys.set(name, secret);
  return secret;
}

const callRest = ({ rest: { method, url, body } }: Operation, key: string) => meterr().rest(method, url, { key, body });
const callGraphQL = ({ graphql: { query, variables } }: Operation, key: string) =>
  meterr().gql(query, variables, { key });

const scoped = OPERATIONS.flatMap((operation) =>
  operation.scope && operation.scope !== 'operator' ? [{ ...operation, scope: operation.scope }] : [],
);

/**
 * What a request may come to when its key is let in: the thing is there or not, or its state
 * forbids it.
 */
const ALLOWED_STATUS = [200, 201, 204, 404, 409];
const ALLOWED_CODE = [undefined, 'not_found', 'conflict'];

describe.each(scoped)('$field', (operation) => {
  const { scope } = operation;

  it(`refuses a key that has every scope but ${scope}, in both doors, and says which it lacks`, async () => {
    const key = await keyWith(SCOPES.filter((one) => one !== scope && one !== 'admin'));
    const rest = await callRest(operation, key);
    expect(rest.status).toBe(403);
    expect(rest.error).toMatchObject({ code: 'insufficient_permissions', details: { required_scope: scope } });
    const { data, error } = await callGraphQL(operation, key);
    expect(error).toMatchObject({ code: 'insufficient_permissions', details: { requiredScope: scope } });
    expect(Object.values(data ?? {}).every((value) => value === null)).toBe(true);
  });

  it(`is open to a key with ${scope} alone, and to admin, in both doors`, async () => {
    for (const key of [await keyWith([scope]), await keyWith(['admin'])]) {
      const { status, text } = await callRest(operation, key);
      expect(ALLOWED_STATUS, text).toContain(status);
      const { error } = await callGraphQL(operation, key);
      expect(ALLOWED_CODE, error?.message).toContain(error?.code);
    }
  });
});

it.each(Object.entries(REST_ONLY))('%s refuses a key that lacks its scope', async (route, { scope, body }) => {
  const [method = '', path = ''] = route.split(' ');
  const lacking = await keyWith(SCOPES.filter((one) => one !== scope && one !== 'admin'));
  expect((await meterr().rest(method, path, { key: lacking, body })).status).toBe(403);
  expect((await meterr().rest(method, path, { key: await keyWith([scope]), body })).status).toBe(200);
});

describe.each(OPERATIONS.filter(({ scope }) => scope === 'operator'))('$field', (operation) => {
  it('is for the operator key alone, in both doors; even admin is refused', async () => {
    const admin = await keyWith(['admin']);
    expect((await callRest(operation, admin)).error?.code).toBe('insufficient_permissions');
    expect((await callGraphQL(operation, admin)).error?.code).toBe('insufficient_permissions');
    expect(ALLOWED_STATUS).toContain((await callRest(operation, OPERATOR_KEY)).status);
    expect(ALLOWED_CODE).toContain((await callGraphQL(operation, OPERATOR_KEY)).error?.code);
  });
});

it('every route documents the scope that it asks for', () => {
  for (const { definition } of ROUTES) {
    const name = `${definition.method.toUpperCase()} ${definition.path}`;
    const scope = OPERATIONS.find(({ rest }) => `${rest.method} ${rest.path}` === name)?.scope;
    const documented = definition.operatorOnly ? 'operator' : definition.scope;
    expect({ name, scope: documented }).toEqual({ name, scope: scope ?? REST_ONLY[name]?.scope ?? null });
  }
});

it('a key without any scope still learns who it is', async () => {
  const { rest, organization } = meterr();
  const { status, body } = await rest<object>('GET', '/v1/me', { key: await keyWith([]) });
  expect({ status, body }).toMatchObject({ status: 200, body: { organization: { id: organization.id }, scopes: [] } });
});

describe('node() asks for the scope that the noun asks elsewhere', () => {
  it.each<[string, Scope]>([
    ['UsageEvent', 'usage:read'],
    ['Price', 'prices:read'],
    ['Team', 'teams:read'],
    ['ApiKey', 'keys:write'],
  ])('%s: %s', async (type, scope) => {
    const { ok, gql, organization } = meterr();
    const ids: Record<string, () => Promise<string | undefined>> = {
      UsageEvent: async () => (await ok<{ id: string }>('POST', '/v1/usage', { body: OPERATIONS[0]?.rest.body })).id,
      Price: async () => (await ok<{ data: { id: string }[] }>('GET', '/v1/prices?limit=1')).data[0]?.id,
      Team: async () => (await makeTeam(meterr(), organization)).id,
      ApiKey: async () => (await makeKey(meterr(), organization)).id,
    };
    const id = await ids[type]?.();
    const query = 'query ($id: ID!) { node(id: $id) { __typename id } }';
    const lacking = await keyWith(SCOPES.filter((one) => one !== scope && one !== 'admin'));
    const refused = await gql(query, { id }, { key: lacking });
    expect(refused.error).toMatchObject({ code: 'insufficient_permissions', details: { requiredScope: scope } });
    const { data } = await gql(query, { id }, { key: await keyWith([scope]) });
    expect(data).toEqual({ node: { __typename: type, id } });
  });

  it('but a key may always look at itself', async () => {
    const { gql } = meterr();
    const organization = await makeOrganization(meterr());
    const key = await makeKey(meterr(), organization);
    const { data } = await gql('query ($id: ID!) { node(id: $id) { id } }', { id: key.id }, { key: key.secret });
    expect(data).toEqual({ node: { id: key.id } });
  });
});
