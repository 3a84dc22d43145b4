import { describe, expect, it } from 'vitest';
import { createTestApp, useTestApp } from '../../harness/app.ts';
import { makeOrganization } from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';

const OPERATOR_KEY = 'operator-key-of-the-tests';
const env = { METERR_OPERATOR_KEY: OPERATOR_KEY };
const meterr = useTestApp({ env });
const operator = { key: OPERATOR_KEY };
const GRANT = 'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { id amount } }';

const grant = (key: string, body: object) => meterr().rest<{ id: string }>('POST', '/v1/credits/grants', { key, body });
const setGranter = (id: string, creditsBy: string) =>
  meterr().ok<object>('PATCH', `/v1/organizations/${id}`, { ...operator, body: { credits_by: creditsBy } });
const granted = async (key: string) => (await meterr().ok<{ granted: string }>('GET', '/v1/credits', { key })).granted;

describe('credits_by', () => {
  it('is the organization at first: its key grants to itself, and names nobody', async () => {
    const { id, key } = await makeOrganization(meterr(), { credits: 'prepaid' });
    expect((await grant(key.secret, { amount: '5' })).status).toBe(201);
    expect(await meterr().ok('GET', '/v1/me', { key: key.secret })).toMatchObject({
      organization: { credits_by: 'organization' },
    });
    for (const named of [id, noId('org')]) {
      const { status, error } = await grant(key.secret, { amount: '5', organization_id: named });
      expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'organization_id' });
    }
    expect(await granted(key.secret)).toBe('5');
  });

  it('operator: no key of the organization grants, admin neither, in either door; the operator does', async () => {
    const { id, key } = await makeOrganization(meterr(), { credits: 'prepaid' });
    expect(await setGranter(id, 'operator')).toMatchObject({ id, credits_by: 'operator' });
    const refused = await grant(key.secret, { amount: '5' });
    expect(refused).toMatchObject({
      status: 403,
      error: { code: 'insufficient_permissions', details: { required_scope: 'operator' } },
    });
    const { error } = await meterr().gql(GRANT, { input: { amount: '5' } }, { key: key.secret });
    expect(error?.code).toBe('insufficient_permissions');
    expect(await granted(key.secret)).toBe('0');
    expect((await grant(OPERATOR_KEY, { amount: '5', organization_id: id })).status).toBe(201);
    const { errors } = await meterr().gql(GRANT, { input: { amount: '2', organizationId: id } }, operator);
    expect(errors).toBeUndefined();
    expect(await granted(key.secret)).toBe('7');
    await setGranter(id, 'organization');
    expect((await grant(key.secret, { amount: '1' })).status).toBe(201);
  });

  it('counts from its commit, in a process that has not yet read of it too', async () => {
    const { id, key } = await makeOrganization(meterr(), { credits: 'prepaid' });
    const second = await createTestApp({ connectionString: meterr().connectionString, env });
    const call = { key: key.secret, body: { amount: '1' } };
    expect((await second.rest('POST', '/v1/credits/grants', call)).status).toBe(201);
    await setGranter(id, 'operator');
    expect((await second.rest('POST', '/v1/credits/grants', call)).status).toBe(403);
    await second.close();
  });
});

describe('the operator', () => {
  it.each<[string, object]>([
    ['says no organization', { amount: '5' }],
    ['names one that does not exist', { amount: '5', organization_id: noId('org') }],
    ['names something else', { amount: '5', organization_id: 'team_01h455vb4pex5vsknk084sn02q' }],
  ])('is told what is wrong with a grant that %s, and nothing is stored', async (_, body) => {
    const { status, error } = await grant(OPERATOR_KEY, body);
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'organization_id' });
    const { rows } = await meterr().sql.query(
      'SELECT FROM credit_grants g WHERE NOT EXISTS (SELECT FROM organizations o WHERE o.id = g.organization_id)',
    );
    expect(rows).toEqual([]);
  });

  it('leaves the grant in the log of the organization that got it', async () => {
    const { id, key } = await makeOrganization(meterr());
    const { body } = await grant(OPERATOR_KEY, { amount: '5', organization_id: id, note: 'welcome' });
    const log = await meterr().ok<{ data: object[] }>('GET', '/v1/audit-log', { key: key.secret });
    expect(log.data).toMatchObject([
      { action: 'credits.granted', target_id: body.id, actor_key_id: null, after: { amount: '5', note: 'welcome' } },
    ]);
  });
});
