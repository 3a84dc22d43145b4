import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

/** Every field of a key that REST answers with. */
export const apiKeyFields = graphql(`
  fragment ApiKeyFields on ApiKey @_unmask {
    id name hint scopes teamId memberId expiresAt lastUsedAt revokedAt createdAt oldSecretUntil otlp { exclusiveInput }
  }
`);
const secretFields = graphql(`
  fragment SecretFields on ApiKeyWithSecret @_unmask {
    id secret name hint scopes teamId memberId expiresAt lastUsedAt revokedAt createdAt oldSecretUntil
    otlp { exclusiveInput }
  }
`);

const listApiKeys = route({
  method: 'get',
  path: '/v1/api-keys',
  operationId: 'listApiKeys',
  summary: 'The API keys, newest first',
  description:
    'A key that is bound to a team sees the keys of that team only. Keys that were revoked or have expired are listed ' +
    'for 90 days more.',
  tag: 'API keys',
  scope: 'keys:write',
  operation: operation(
    graphql(
      `query ApiKeys($first: Int, $after: String) {
        apiKeys(first: $first, after: $after) { edges { node { ...ApiKeyFields } } pageInfo { hasNextPage endCursor } }
      }`,
      [apiKeyFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of API keys.' }],
  errors: [400],
});

const createApiKey = route({
  method: 'post',
  path: '/v1/api-keys',
  operationId: 'createApiKey',
  summary: 'Make an API key',
  description:
    "The new key has no scope that this request's key lacks (403 names it) and, where that is bound to a team, the same " +
    "team. What a member's key makes belongs to the member, and is revoked when the member is removed.",
  tag: 'API keys',
  scope: 'keys:write',
  operation: operation(
    graphql(`mutation CreateApiKey($input: CreateApiKeyInput!) { createApiKey(input: $input) { ...SecretFields } }`, [
      secretFields,
    ]),
  ),
  body: 'CreateApiKeyInput',
  showsSecret: true,
  success: [{ status: 201, description: 'The key, with its secret, which is shown this once.' }],
  errors: [400, 409],
});

const getApiKey = route({
  method: 'get',
  path: '/v1/api-keys/{id}',
  operationId: 'getApiKey',
  summary: 'One API key',
  description: 'Any key may read itself.',
  tag: 'API keys',
  scope: 'keys:write',
  operation: operation(graphql(`query ApiKey($id: ID!) { apiKey(id: $id) { ...ApiKeyFields } }`, [apiKeyFields])),
  success: [{ status: 200, description: 'The API key.' }],
  errors: [404],
});

const updateApiKey = route({
  method: 'patch',
  path: '/v1/api-keys/{id}',
  operationId: 'updateApiKey',
  summary: 'Change an API key',
  description:
    'Fields that are left out stay as they are. Counts within a second in every process. The scopes and the team of a ' +
    'key cannot be changed. A key that was revoked is 409.',
  tag: 'API keys',
  scope: 'keys:write',
  operation: operation(
    graphql(`mutation UpdateApiKey($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { ...ApiKeyFields } }`, [
      apiKeyFields,
    ]),
  ),
  body: 'UpdateApiKeyInput',
  success: [{ status: 200, description: 'The API key as it is now.' }],
  errors: [400, 404, 409],
});

const revokeApiKey = route({
  method: 'delete',
  path: '/v1/api-keys/{id}',
  operationId: 'revokeApiKey',
  summary: 'Revoke an API key',
  description: 'It is refused within a second in every process, for ever. A key may revoke itself.',
  tag: 'API keys',
  scope: 'keys:write',
  operation: operation(
    graphql(`mutation RevokeApiKey($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { ...ApiKeyFields } }`, [
      apiKeyFields,
    ]),
  ),
  success: [{ status: 200, description: 'The API key, revoked.' }],
  errors: [404],
});

const rotateApiKey = route({
  method: 'post',
  path: '/v1/api-keys/{id}/rotate',
  operationId: 'rotateApiKey',
  summary: 'Give an API key a new secret',
  description:
    'Its id stays. The old secret is accepted for `grace_seconds`; of two rotations only the newest two secrets are. The ' +
    'body may be left out. A key that was revoked or has expired is 409.',
  tag: 'API keys',
  scope: 'keys:write',
  operation: operation(
    graphql(`mutation RotateApiKey($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { ...SecretFields } }`, [
      secretFields,
    ]),
  ),
  body: 'RotateApiKeyInput',
  hasOptionalBody: true,
  showsSecret: true,
  success: [{ status: 200, description: 'The key, with its new secret, which is shown this once.' }],
  errors: [400, 404, 409],
});

export const apiKeyRoutes = [listApiKeys, createApiKey, getApiKey, updateApiKey, revokeApiKey, rotateApiKey];
