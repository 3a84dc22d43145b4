import { randomUUID } from 'node:crypto';
import type { Scope } from '../../src/domain/access/scopes.ts';
import { EVENT, EVENT_INPUT } from './make.ts';

/** One operation of the product, in both doors: a request of each that is well-formed and harmless. */
export interface Operation {
  /** The field of GraphQL's Query or Mutation. */
  field: string;
  kind: 'query' | 'mutation';
  /** Null: any valid key. */
  scope: Scope | null;
  rest: { method: string; path: string; body?: object; url?: string };
  graphql: { query: string; variables?: object };
}

/** Well-formed, and of nothing. */
export const NO_USAGE_ID = 'usage_01h455vb4pex5vsknk084sn02q';
export const NO_TEAM_ID = 'team_01h455vb4pex5vsknk084sn02q';

/**
 * Every operation. `test/schema.test.ts` holds the list to the routes and the schema: whoever adds an operation adds
 * it here, and with that its scope is proved in both doors.
 */
export const OPERATIONS: readonly Operation[] = [
  {
    field: 'recordUsage',
    kind: 'mutation',
    scope: 'usage:write',
    rest: { method: 'POST', path: '/v1/usage', body: EVENT },
    graphql: {
      query: 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id cost } }',
      variables: { input: EVENT_INPUT },
    },
  },
  {
    field: 'recordUsageBatch',
    kind: 'mutation',
    scope: 'usage:write',
    rest: { method: 'POST', path: '/v1/usage', body: { events: [EVENT] } },
    graphql: {
      query: 'mutation ($input: RecordUsageBatchInput!) { recordUsageBatch(input: $input) { created } }',
      variables: { input: { events: [EVENT_INPUT] } },
    },
  },
  {
    field: 'voidUsage',
    kind: 'mutation',
    scope: 'usage:write',
    rest: {
      method: 'POST',
      path: '/v1/usage/{id}/void',
      url: `/v1/usage/${NO_USAGE_ID}/void`,
      body: { reason: 'a test' },
    },
    graphql: {
      query: 'mutation ($input: VoidUsageInput!) { voidUsage(input: $input) { id } }',
      variables: { input: { id: NO_USAGE_ID, reason: 'a test' } },
    },
  },
  {
    field: 'usage',
    kind: 'query',
    scope: 'usage:read',
    rest: { method: 'GET', path: '/v1/usage' },
    graphql: { query: '{ usage { totals { requests } } }' },
  },
  {
    field: 'usageEvents',
    kind: 'query',
    scope: 'usage:read',
    rest: { method: 'GET', path: '/v1/usage/history' },
    graphql: { query: '{ usageEvents { edges { node { id } } } }' },
  },
  {
    field: 'usageEvent',
    kind: 'query',
    scope: 'usage:read',
    rest: { method: 'GET', path: '/v1/usage/{id}', url: `/v1/usage/${NO_USAGE_ID}` },
    graphql: { query: 'query ($id: ID!) { usageEvent(id: $id) { id } }', variables: { id: NO_USAGE_ID } },
  },
  {
    field: 'costs',
    kind: 'query',
    scope: 'costs:read',
    rest: { method: 'GET', path: '/v1/costs' },
    graphql: { query: '{ costs { total } }' },
  },
  {
    field: 'costEstimate',
    kind: 'query',
    scope: 'costs:read',
    rest: { method: 'POST', path: '/v1/costs/estimate', body: EVENT },
    graphql: {
      query: 'query ($input: RecordUsageInput!) { costEstimate(input: $input) { cost } }',
      variables: { input: EVENT_INPUT },
    },
  },
  {
    field: 'prices',
    kind: 'query',
    scope: 'prices:read',
    rest: { method: 'GET', path: '/v1/prices' },
    graphql: { query: '{ prices(first: 1) { edges { node { id } } } }' },
  },
  {
    field: 'teams',
    kind: 'query',
    scope: 'teams:read',
    rest: { method: 'GET', path: '/v1/teams' },
    graphql: { query: '{ teams { edges { node { id } } } }' },
  },
  {
    field: 'team',
    kind: 'query',
    scope: 'teams:read',
    rest: { method: 'GET', path: '/v1/teams/{id}', url: `/v1/teams/${NO_TEAM_ID}` },
    graphql: { query: 'query ($id: ID!) { team(id: $id) { id } }', variables: { id: NO_TEAM_ID } },
  },
  {
    field: 'createTeam',
    kind: 'mutation',
    scope: 'teams:write',
    // No name that is taken: each call makes another.
    rest: {
      method: 'POST',
      path: '/v1/teams',
      get body() {
        return { name: `Team ${randomUUID()}` };
      },
    },
    graphql: {
      query: 'mutation ($input: CreateTeamInput!) { createTeam(input: $input) { id } }',
      get variables() {
        return { input: { name: `Team ${randomUUID()}` } };
      },
    },
  },
  {
    field: 'updateTeam',
    kind: 'mutation',
    scope: 'teams:write',
    rest: { method: 'PATCH', path: '/v1/teams/{id}', url: `/v1/teams/${NO_TEAM_ID}`, body: { name: 'a test' } },
    graphql: {
      query: 'mutation ($input: UpdateTeamInput!) { updateTeam(input: $input) { id } }',
      variables: { input: { id: NO_TEAM_ID, name: 'a test' } },
    },
  },
  {
    field: 'deleteTeam',
    kind: 'mutation',
    scope: 'teams:write',
    rest: { method: 'DELETE', path: '/v1/teams/{id}', url: `/v1/teams/${NO_TEAM_ID}` },
    graphql: {
      query: 'mutation ($input: DeleteTeamInput!) { deleteTeam(input: $input) { id } }',
      variables: { input: { id: NO_TEAM_ID } },
    },
  },
  {
    field: 'auditLog',
    kind: 'query',
    scope: 'admin',
    rest: { method: 'GET', path: '/v1/audit-log' },
    graphql: { query: '{ auditLog { edges { node { id } } } }' },
  },
  {
    field: 'me',
    kind: 'query',
    scope: null,
    rest: { method: 'GET', path: '/v1/me' },
    graphql: { query: '{ me { scopes } }' },
  },
];

/** Fields of GraphQL that are no operation of their own: REST has them inside another, or by their own routes. */
export const GRAPHQL_ONLY: Readonly<Record<string, string>> = {
  node: "Relay's own: REST has a route for each type",
  nodes: "Relay's own: REST has a route for each type",
  organization: 'REST has it inside /v1/me',
};

/** Routes that speak another protocol, and so are no translation of one operation, with the scope they ask. */
export const REST_ONLY: Readonly<Record<string, { why: string; scope: Scope; body: object }>> = {
  'POST /v1/traces': {
    why: 'OTLP: recordUsageBatch in the words of OpenTelemetry',
    scope: 'usage:write',
    body: { resourceSpans: [] },
  },
};

/** Operations that only the operator key opens; `test/rest/organizations.test.ts` proves them. */
export const OPERATOR_ONLY: Readonly<Record<string, string>> = {
  createOrganization: 'POST /v1/organizations',
  updateOrganization: 'PATCH /v1/organizations/{id}',
};
