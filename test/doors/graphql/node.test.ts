import { expect, it } from 'vitest';
import { schema } from '../../../src/graphql/schema.ts';
import { formatId, ID_PREFIXES, newUuid } from '../../../src/platform/ids.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, makeKey, makeMember, makeTeam } from '../../harness/make.ts';
import { noId } from '../../harness/operations.ts';

const meterr = useTestApp();

const post = async (path: string, body: object) => (await meterr().ok<{ id: string }>('POST', path, { body })).id;
const first = async (path: string) => (await meterr().ok<{ data: { id: string }[] }>('GET', path)).data[0]?.id ?? '';

/** How to come by an id of each type that is a Node. */
const MAKERS: Record<string, () => Promise<string>> = {
  UsageEvent: () => post('/v1/usage', EVENT),
  Price: () => first('/v1/prices?limit=1'),
  Organization: async () => meterr().organization.id,
  ApiKey: async () => meterr().organization.key.id,
  Team: () => post('/v1/teams', { name: 'A node' }),
  Member: async () => {
    const { organization } = meterr();
    return (await makeMember(meterr(), organization, await makeTeam(meterr(), organization), 'viewer')).id;
  },
  Invite: async () => {
    const team = await makeTeam(meterr(), meterr().organization);
    return post(`/v1/teams/${team.id}/invite`, { email: 'ann@example.com', role: 'viewer' });
  },
  Budget: () => post('/v1/budgets', { name: 'A node', amount: '0.001', period: 'day' }),
  Hold: () => post('/v1/usage/holds', { provider: 'openai', model: 'gpt-4o', input_tokens: 1, max_output_tokens: 1 }),
  Job: () => post('/v1/prices/reprice', { start: '2026-11-01T00:00:00Z', end: '2026-11-02T00:00:00Z' }),
  AuditEntry: async () => {
    await post('/v1/teams', { name: 'Audited' });
    return first('/v1/audit-log');
  },
  // Nothing is sent: nobody accepts an invite here.
  AnomalyMute: () => post('/v1/anomaly-mutes', { until: '2027-10-31T00:00:00Z' }),
  ModelAlias: () => post('/v1/model-aliases', { provider: 'openai', model: newUuid(), target_model: 'gpt-4o' }),
  Webhook: () => post('/v1/webhooks', { url: 'https://8.8.8.8/', events: ['invite.accepted'] }),
  WebhookDelivery: async () => {
    const id = newUuid();
    await MAKERS.Webhook?.();
    await meterr().sql.query(
      `INSERT INTO webhook_deliveries (organization_id, id, webhook_id, event_id, event_type, status, created_at)
       SELECT organization_id, $1, id, gen_random_uuid(), 'invite.accepted', 'cancelled', now() FROM webhooks LIMIT 1`,
      [id],
    );
    return formatId('delivery', id);
  },
  Event: async () => {
    await post('/v1/budgets', { name: 'Tiny', amount: '0.000001', period: 'day' });
    await post('/v1/usage', EVENT);
    return first('/v1/events');
  },
};

const nodeTypes = Object.values(schema.getTypeMap())
  .filter((type) => 'getInterfaces' in type && type.getInterfaces().some(({ name }) => name === 'Node'))
  .map(({ name }) => name);

it.each(nodeTypes)('node() finds a %s by the id that both doors give it', async (type) => {
  const make = MAKERS[type];
  expect(make, `add ${type} to the makers of this test`).toBeDefined();
  const id = (await make?.()) ?? '';
  const { data, errors } = await meterr().gql('query ($id: ID!) { node(id: $id) { __typename id } }', { id });
  expect({ data, errors }).toEqual({ data: { node: { __typename: type, id } }, errors: undefined });
});

it.each(Object.values(ID_PREFIXES))(
  'an id that is well-formed and of no %s is null, without an error',
  async (prefix) => {
    const { data, errors } = await meterr().gql('query ($id: ID!) { node(id: $id) { id } }', { id: noId(prefix) });
    expect({ data, errors }).toEqual({ data: { node: null }, errors: undefined });
  },
);

it('a key that may not read a type is told so, whether the object is there or not', async () => {
  const { secret: key } = await makeKey(meterr(), meterr().organization, { scopes: ['usage:write'] });
  for (const prefix of ['usage', 'team', 'budget', 'event']) {
    const query = 'query ($id: ID!) { node(id: $id) { id } }';
    const { error } = await meterr().gql(query, { id: noId(prefix) }, { key });
    expect(error?.code).toBe('insufficient_permissions');
  }
});

it.each([
  '',
  'hello',
  'usage_',
  'usage_zzzzzzzzzzzzzzzzzzzzzzzzzz',
  'VXNhZ2VFdmVudDox',
  'usage_01h455vb4pex5vsknk084sn02Q',
])('the text "%s" is not found', async (id) => {
  const { data, error } = await meterr().gql('query ($id: ID!) { node(id: $id) { id } }', { id });
  expect({ data, code: error?.code }).toEqual({ data: { node: null }, code: 'not_found' });
});

it('a node can be looked into by a fragment of its type', async () => {
  const id = await post('/v1/usage', { ...EVENT, tags: { env: 'prod' } });
  const query = `query ($id: ID!) { node(id: $id) { ... on UsageEvent { cost tags costBreakdown { unit amount } }
    ... on Price { model } } }`;
  expect(await meterr().data(query, { id })).toEqual({
    node: {
      cost: '0.0075',
      tags: { env: 'prod' },
      costBreakdown: [
        { unit: 'input_tokens', amount: '0.0025' },
        { unit: 'output_tokens', amount: '0.005' },
      ],
    },
  });
});
