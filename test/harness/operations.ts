import type { Scope } from '../../src/domain/access/scopes.ts';
import { EVENT, EVENT_INPUT } from './make.ts';

/** One operation of the API, with a valid and harmless request for each door. */
export interface Operation {
  /** The field of GraphQL's Query or Mutation. */
  field: string;
  kind: 'query' | 'mutation';
  /** Null: every valid key may call it. */
  scope: Scope | 'operator' | null;
  rest: { method: string; path: string; url: string; body?: object };
  graphql: { query: string; variables?: object };
}

/** A valid TypeID that identifies nothing. */
export function noId(prefix: string): string {
  return `${prefix}_01h455vb4pex5vsknk084sn02q`;
}

/** A valid usage id that identifies nothing. */
export const NO_USAGE_ID = noId('usage');

interface Requests {
  /** Method and path, for example `GET /v1/usage/{id}`. */
  rest: string;
  id?: string;
  body?: object;
  graphql: string;
  variables?: object;
}

function query(field: string, scope: Operation['scope'], requests: Requests): Operation {
  const { rest, id = '', body, graphql, variables } = requests;
  const [method = '', path = ''] = rest.split(' ');
  const url = path.replace('{id}', id).replace('{member_id}', noId('member'));
  return {
    field,
    kind: 'query',
    scope,
    rest: { method, path, url, ...(body ? { body } : {}) },
    graphql: { query: graphql, ...(variables ? { variables } : {}) },
  };
}

function mutation(
  field: string,
  scope: Operation['scope'],
  requests: Omit<Requests, 'graphql'> & { input: object; answer?: string },
): Operation {
  const { input, answer = 'id', ...rest } = requests;
  const type = `${field[0]?.toUpperCase()}${field.slice(1)}Input`;
  const graphql = `mutation ($input: ${type}!) { ${field}(input: $input) { ${answer} } }`;
  return { ...query(field, scope, { ...rest, graphql, variables: { input } }), kind: 'mutation' };
}

const HOLD = { provider: 'openai', model: 'gpt-4o' };
/** A name that never resolves, so that nothing leaves the machine. */
const WEBHOOK = { url: 'https://receiver.invalid/hook', events: ['invite.accepted'] };
/** A model that no test prices. */
const OWN_PRICE = { provider: 'openai', model: 'one-of-our-own' };
const RANGE = { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' };
/** Within a year of the tests' clock. */
const MUTE = { until: '2027-10-31T00:00:00Z' };
const BUDGET = { name: 'A budget', amount: '100', period: 'month' };

/**
 * All operations. `test/pure/schema.test.ts` compares the list with the routes and the schema, so
 * every new operation must be added here, and its scope is then tested in both doors.
 */
export const OPERATIONS: readonly Operation[] = [
  mutation('recordUsage', 'usage:write', { rest: 'POST /v1/usage', body: EVENT, input: EVENT_INPUT }),
  mutation('recordUsageBatch', 'usage:write', {
    rest: 'POST /v1/usage/batch',
    body: { events: [EVENT] },
    input: { events: [EVENT_INPUT] },
    answer: 'created',
  }),
  mutation('voidUsage', 'usage:write', {
    rest: 'POST /v1/usage/{id}/void',
    id: NO_USAGE_ID,
    body: { reason: 'a test' },
    input: { id: NO_USAGE_ID, reason: 'a test' },
  }),
  query('usage', 'usage:read', { rest: 'GET /v1/usage', graphql: '{ usage { totals { requests } } }' }),
  query('usageEvents', 'usage:read', {
    rest: 'GET /v1/usage/history',
    graphql: '{ usageEvents { edges { node { id } } } }',
  }),
  query('usageEvent', 'usage:read', {
    rest: 'GET /v1/usage/{id}',
    id: NO_USAGE_ID,
    graphql: 'query ($id: ID!) { usageEvent(id: $id) { id } }',
    variables: { id: NO_USAGE_ID },
  }),
  mutation('createHold', 'usage:write', {
    rest: 'POST /v1/usage/holds',
    body: { ...HOLD, input_tokens: 1, max_output_tokens: 1 },
    input: { ...HOLD, inputTokens: 1, maxOutputTokens: 1 },
  }),
  query('holds', 'usage:read', { rest: 'GET /v1/usage/holds', graphql: '{ holds { edges { node { id } } } }' }),
  query('hold', 'usage:read', {
    rest: 'GET /v1/usage/holds/{id}',
    id: noId('hold'),
    graphql: 'query ($id: ID!) { hold(id: $id) { id } }',
    variables: { id: noId('hold') },
  }),
  mutation('releaseHold', 'usage:write', {
    rest: 'DELETE /v1/usage/holds/{id}',
    id: noId('hold'),
    input: { id: noId('hold') },
  }),
  query('costs', 'costs:read', { rest: 'GET /v1/costs', graphql: '{ costs { total } }' }),
  query('costForecast', 'costs:read', {
    rest: 'GET /v1/costs/forecast',
    graphql: '{ costForecast { method } }',
  }),
  query('costEstimate', 'costs:read', {
    rest: 'POST /v1/costs/estimate',
    body: EVENT,
    graphql: 'query ($input: RecordUsageInput!) { costEstimate(input: $input) { cost } }',
    variables: { input: EVENT_INPUT },
  }),
  mutation('createPrice', 'prices:write', {
    rest: 'POST /v1/prices',
    body: { ...OWN_PRICE, discount_percent: '10' },
    input: { ...OWN_PRICE, discountPercent: '10' },
  }),
  mutation('endPrice', 'prices:write', {
    rest: 'DELETE /v1/prices/{id}',
    id: noId('price'),
    input: { id: noId('price') },
  }),
  mutation('createModelAlias', 'prices:write', {
    rest: 'POST /v1/model-aliases',
    body: { ...OWN_PRICE, target_model: 'gpt-4o' },
    input: { ...OWN_PRICE, targetModel: 'gpt-4o' },
  }),
  query('modelAliases', 'prices:read', {
    rest: 'GET /v1/model-aliases',
    graphql: '{ modelAliases { edges { node { id } } } }',
  }),
  mutation('deleteModelAlias', 'prices:write', {
    rest: 'DELETE /v1/model-aliases/{id}',
    id: noId('alias'),
    input: { id: noId('alias') },
  }),
  query('prices', 'prices:read', { rest: 'GET /v1/prices', graphql: '{ prices(first: 1) { edges { node { id } } } }' }),
  mutation('repriceUsage', 'prices:write', {
    rest: 'POST /v1/prices/reprice',
    body: { ...RANGE, dry_run: true },
    input: { ...RANGE, dryRun: true },
    answer: 'preview { events }',
  }),
  query('jobs', 'prices:read', { rest: 'GET /v1/jobs', graphql: '{ jobs { edges { node { id } } } }' }),
  query('job', 'prices:read', {
    rest: 'GET /v1/jobs/{id}',
    id: noId('job'),
    graphql: 'query ($id: ID!) { job(id: $id) { id } }',
    variables: { id: noId('job') },
  }),
  mutation('createAnomalyMute', 'budgets:write', {
    rest: 'POST /v1/anomaly-mutes',
    body: MUTE,
    input: MUTE,
  }),
  query('anomalyMutes', 'budgets:write', {
    rest: 'GET /v1/anomaly-mutes',
    graphql: '{ anomalyMutes { edges { node { id } } } }',
  }),
  mutation('deleteAnomalyMute', 'budgets:write', {
    rest: 'DELETE /v1/anomaly-mutes/{id}',
    id: noId('mute'),
    input: { id: noId('mute') },
  }),
  mutation('createBudget', 'budgets:write', {
    rest: 'POST /v1/budgets',
    body: BUDGET,
    input: { ...BUDGET, period: 'MONTH' },
  }),
  query('budgets', 'budgets:read', { rest: 'GET /v1/budgets', graphql: '{ budgets { edges { node { id } } } }' }),
  query('budget', 'budgets:read', {
    rest: 'GET /v1/budgets/{id}',
    id: noId('budget'),
    graphql: 'query ($id: ID!) { budget(id: $id) { id } }',
    variables: { id: noId('budget') },
  }),
  query('budgetSubjects', 'budgets:read', {
    rest: 'GET /v1/budgets/{id}/subjects',
    id: noId('budget'),
    graphql: 'query ($id: ID!) { budgetSubjects(id: $id) { edges { cursor } } }',
    variables: { id: noId('budget') },
  }),
  mutation('updateBudget', 'budgets:write', {
    rest: 'PATCH /v1/budgets/{id}',
    id: noId('budget'),
    body: { name: 'Another' },
    input: { id: noId('budget'), name: 'Another' },
  }),
  mutation('deleteBudget', 'budgets:write', {
    rest: 'DELETE /v1/budgets/{id}',
    id: noId('budget'),
    input: { id: noId('budget') },
  }),
  query('credits', 'credits:read', { rest: 'GET /v1/credits', graphql: '{ credits { mode } }' }),
  mutation('grantCredits', 'credits:write', {
    rest: 'POST /v1/credits/grants',
    body: { amount: '1' },
    input: { amount: '1' },
  }),
  query('creditLedger', 'credits:read', {
    rest: 'GET /v1/credits/ledger',
    graphql: '{ creditLedger { edges { cursor } } }',
  }),
  query('events', 'events:read', { rest: 'GET /v1/events', graphql: '{ events { edges { node { id } } } }' }),
  mutation('createWebhook', 'webhooks:write', {
    rest: 'POST /v1/webhooks',
    body: WEBHOOK,
    input: WEBHOOK,
  }),
  query('webhooks', 'webhooks:read', { rest: 'GET /v1/webhooks', graphql: '{ webhooks { edges { node { id } } } }' }),
  query('webhook', 'webhooks:read', {
    rest: 'GET /v1/webhooks/{id}',
    id: noId('webhook'),
    graphql: 'query ($id: ID!) { webhook(id: $id) { id } }',
    variables: { id: noId('webhook') },
  }),
  mutation('updateWebhook', 'webhooks:write', {
    rest: 'PATCH /v1/webhooks/{id}',
    id: noId('webhook'),
    body: { description: 'Another' },
    input: { id: noId('webhook'), description: 'Another' },
  }),
  mutation('deleteWebhook', 'webhooks:write', {
    rest: 'DELETE /v1/webhooks/{id}',
    id: noId('webhook'),
    input: { id: noId('webhook') },
  }),
  mutation('testWebhook', 'webhooks:write', {
    rest: 'POST /v1/webhooks/{id}/test',
    id: noId('webhook'),
    input: { id: noId('webhook') },
  }),
  mutation('rotateWebhookSecret', 'webhooks:write', {
    rest: 'POST /v1/webhooks/{id}/rotate-secret',
    id: noId('webhook'),
    input: { id: noId('webhook') },
  }),
  query('webhookDeliveries', 'webhooks:read', {
    rest: 'GET /v1/webhooks/{id}/deliveries',
    id: noId('webhook'),
    graphql: 'query ($id: ID!) { webhookDeliveries(id: $id) { edges { cursor } } }',
    variables: { id: noId('webhook') },
  }),
  mutation('redeliverWebhook', 'webhooks:write', {
    rest: 'POST /v1/webhooks/deliveries/{id}/redeliver',
    id: noId('delivery'),
    input: { id: noId('delivery') },
  }),
  query('teams', 'teams:read', { rest: 'GET /v1/teams', graphql: '{ teams { edges { node { id } } } }' }),
  query('team', 'teams:read', {
    rest: 'GET /v1/teams/{id}',
    id: noId('team'),
    graphql: 'query ($id: ID!) { team(id: $id) { id } }',
    variables: { id: noId('team') },
  }),
  mutation('createTeam', 'teams:write', {
    rest: 'POST /v1/teams',
    body: { name: 'A team' },
    input: { name: 'A team' },
  }),
  mutation('updateTeam', 'teams:write', {
    rest: 'PATCH /v1/teams/{id}',
    id: noId('team'),
    body: { name: 'Another' },
    input: { id: noId('team'), name: 'Another' },
  }),
  mutation('deleteTeam', 'teams:write', {
    rest: 'DELETE /v1/teams/{id}',
    id: noId('team'),
    input: { id: noId('team') },
  }),
  mutation('createApiKey', 'keys:write', {
    rest: 'POST /v1/api-keys',
    body: { name: 'A key', scopes: ['keys:write'] },
    input: { name: 'A key', scopes: ['keys:write'] },
  }),
  query('apiKeys', 'keys:write', { rest: 'GET /v1/api-keys', graphql: '{ apiKeys { edges { node { id } } } }' }),
  query('apiKey', 'keys:write', {
    rest: 'GET /v1/api-keys/{id}',
    id: noId('key'),
    graphql: 'query ($id: ID!) { apiKey(id: $id) { id } }',
    variables: { id: noId('key') },
  }),
  mutation('updateApiKey', 'keys:write', {
    rest: 'PATCH /v1/api-keys/{id}',
    id: noId('key'),
    body: { name: 'Another' },
    input: { id: noId('key'), name: 'Another' },
  }),
  mutation('rotateApiKey', 'keys:write', {
    rest: 'POST /v1/api-keys/{id}/rotate',
    id: noId('key'),
    body: { grace_seconds: 60 },
    input: { id: noId('key'), graceSeconds: 60 },
  }),
  mutation('revokeApiKey', 'keys:write', {
    rest: 'DELETE /v1/api-keys/{id}',
    id: noId('key'),
    input: { id: noId('key') },
  }),
  query('members', 'teams:read', {
    rest: 'GET /v1/teams/{id}/members',
    id: noId('team'),
    graphql: 'query ($teamId: ID!) { members(teamId: $teamId) { edges { node { id } } } }',
    variables: { teamId: noId('team') },
  }),
  mutation('updateMember', 'teams:write', {
    rest: 'PATCH /v1/teams/{id}/members/{member_id}',
    id: noId('team'),
    body: { role: 'viewer' },
    input: { id: noId('member'), role: 'VIEWER' },
  }),
  mutation('removeMember', 'teams:write', {
    rest: 'DELETE /v1/teams/{id}/members/{member_id}',
    id: noId('team'),
    input: { id: noId('member') },
  }),
  mutation('inviteMember', 'teams:write', {
    rest: 'POST /v1/teams/{id}/invite',
    id: noId('team'),
    body: { email: 'ann@example.com', role: 'viewer' },
    input: { teamId: noId('team'), email: 'ann@example.com', role: 'VIEWER' },
  }),
  query('invites', 'teams:read', {
    rest: 'GET /v1/teams/{id}/invites',
    id: noId('team'),
    graphql: 'query ($teamId: ID!) { invites(teamId: $teamId) { edges { node { id } } } }',
    variables: { teamId: noId('team') },
  }),
  mutation('revokeInvite', 'teams:write', {
    rest: 'DELETE /v1/invites/{id}',
    id: noId('invite'),
    input: { id: noId('invite') },
  }),
  mutation('acceptInvite', null, {
    rest: 'POST /v1/invites/accept',
    body: { token: 'inv_00', name: 'Ann' },
    input: { token: 'inv_00', name: 'Ann' },
    answer: 'member { id }',
  }),
  mutation('createOrganization', 'operator', {
    rest: 'POST /v1/organizations',
    body: { name: 'Made' },
    input: { name: 'Made' },
    answer: 'id',
  }),
  mutation('updateOrganization', 'operator', {
    rest: 'PATCH /v1/organizations/{id}',
    id: noId('org'),
    body: { name: 'Renamed' },
    input: { id: noId('org'), name: 'Renamed' },
  }),
  query('organizations', 'operator', {
    rest: 'GET /v1/organizations',
    graphql: '{ organizations { edges { node { id } } } }',
  }),
  query('organization', 'operator', {
    rest: 'GET /v1/organizations/{id}',
    id: noId('org'),
    graphql: 'query ($id: ID) { organization(id: $id) { id } }',
    variables: { id: noId('org') },
  }),
  query('auditLog', 'admin', { rest: 'GET /v1/audit-log', graphql: '{ auditLog { edges { cursor } } }' }),
  query('me', null, { rest: 'GET /v1/me', graphql: '{ me { scopes } }' }),
];

/** Operations that need no key: whoever asks, they are answered. */
export const OPEN: ReadonlySet<string> = new Set(['acceptInvite']);

/** Not an operation of their own: REST has them inside another answer or as separate routes. */
export const GRAPHQL_ONLY: Readonly<Record<string, string>> = {
  node: "Relay's own: REST has a route for each type",
  nodes: "Relay's own: REST has a route for each type",
};

/** Routes of another protocol, which do not correspond to one operation. */
export const REST_ONLY: Readonly<Record<string, { why: string; scope: Scope; body?: object }>> = {
  'GET /v1/usage/export': { why: 'usageEvents, all its pages as one stream', scope: 'usage:read' },
  'GET /v1/costs/export': { why: 'a file of any size, in the words of FOCUS', scope: 'costs:read' },
  'POST /v1/traces': {
    why: 'OTLP: recordUsageBatch in the words of OpenTelemetry',
    scope: 'usage:write',
    body: { resourceSpans: [] },
  },
  'POST /v1/logs': { why: 'OTLP: taken and dropped', scope: 'usage:write', body: { resourceLogs: [] } },
  'POST /v1/metrics': { why: 'OTLP: taken and dropped', scope: 'usage:write', body: { resourceMetrics: [] } },
};

/** Operations that need the operator key. `test/doors/access/organizations.test.ts` tests them. */
export const OPERATOR_ONLY: Readonly<Record<string, string>> = {
  organizations: 'GET /v1/organizations',
  organization: 'GET /v1/organizations/{id}',
  createOrganization: 'POST /v1/organizations',
  updateOrganization: 'PATCH /v1/organizations/{id}',
};
