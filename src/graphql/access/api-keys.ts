import type { PrismaModelTypes } from '@pothos/plugin-prisma';
import type PrismaTypes from '../../../prisma/generated/pothos-types.ts';
import { requireScope } from '../../domain/access/require-scope.ts';
import { whereApiKeys } from '../../domain/access/where-api-keys.ts';
import { type ApiKey, type ApiKeyWithSecret, oldSecretUntil } from '../../domain/api-keys/api-key.ts';
import { createApiKey } from '../../domain/api-keys/create-api-key.ts';
import { getApiKey } from '../../domain/api-keys/get-api-key.ts';
import { API_KEY_CURSOR, listApiKeys } from '../../domain/api-keys/list-api-keys.ts';
import { revokeApiKey } from '../../domain/api-keys/revoke-api-key.ts';
import { rotateApiKey } from '../../domain/api-keys/rotate-api-key.ts';
import { updateApiKey } from '../../domain/api-keys/update-api-key.ts';
import { formatId } from '../../platform/ids.ts';
import { builder, type SchemaTypes } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';

const API_KEY_ID = 'Id of the API key.';
const NAME = '1 to 100 characters.';
const SECRET = 'The key to send as a bearer token. It is shown only once, because only its hash is stored.';
const OTLP = 'How what the key sends as OpenTelemetry is read.';
const EXCLUSIVE_INPUT = 'Whether the input tokens of spans leave out those that a cache read or wrote.';

const OtlpSettingsRef = builder.objectRef<{ exclusiveInput: boolean }>('OtlpSettings').implement({
  description: OTLP,
  fields: (t) => ({ exclusiveInput: t.exposeBoolean('exclusiveInput', { description: EXCLUSIVE_INPUT }) }),
});

type Fields = PothosSchemaTypes.PrismaObjectFieldBuilder<
  PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>,
  PrismaModelTypes & PrismaTypes['ApiKey'],
  ApiKey
>;

/** What both forms of a key show. */
function keyFields(t: Fields) {
  return {
    name: t.exposeString('name'),
    hint: t.exposeString('hint', { description: 'The last 4 characters of the newest secret.' }),
    scopes: t.exposeStringList('scopes', { description: 'What the key may do; `admin` includes every other scope.' }),
    teamId: t.id({
      nullable: true,
      description: 'The team whose data the key is limited to; null: the whole organization.',
      resolve: ({ teamId }) => teamId && formatId('team', teamId),
    }),
    memberId: t.id({
      nullable: true,
      description: 'The member whose key it is: it ends with the member. Null: it belongs to nobody.',
      resolve: ({ memberId }) => memberId && formatId('member', memberId),
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the key expires; null: never.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the key was last used, to the minute; null: never.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the key was revoked; null: it was not.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    oldSecretUntil: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Until when the secret before the last rotation is accepted too; null: it is not.',
      resolve: (key, _, { resources }) => oldSecretUntil(key, resources.clock()),
    }),
    otlp: t.field({
      type: OtlpSettingsRef,
      description: OTLP,
      resolve: ({ otlpExclusiveInput: exclusiveInput }) => ({ exclusiveInput }),
    }),
  };
}

export const ApiKeyRef = builder.prismaNode('ApiKey', {
  description: 'A key that callers authenticate with, without its secret.',
  id: { field: 'id' },
  nullable: true,
  findUnique(id, { caller }) {
    // A key may always read itself.
    if (id !== caller.apiKeyId) requireScope(caller, 'keys:write');
    return { AND: whereApiKeys(caller), id };
  },
  fields: (t) => ({
    ...keyFields(t),
    team: t.relation('team', { nullable: true, description: 'The team with this `teamId`.' }),
  }),
});

/** The first key of an organization or a member. */
export const NewApiKeyRef = builder.objectRef<{ id: string; secret: string }>('NewApiKey').implement({
  description: 'An API key that was just created, with its secret.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('apiKey', id) }),
    secret: t.exposeString('secret', { description: SECRET }),
  }),
});

function hasSecret(key: ApiKey): key is ApiKeyWithSecret {
  return 'secret' in key;
}

const ApiKeyWithSecretRef = builder.prismaObject('ApiKey', {
  variant: 'ApiKeyWithSecret',
  description: 'A key whose secret was just made.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('apiKey', id) }),
    secret: t.string({
      description: SECRET,
      resolve(key) {
        if (hasSecret(key)) return key.secret;
        throw new Error('a secret is there only when it was just made');
      },
    }),
    ...keyFields(t),
  }),
});

const PresetEnum = builder.enumType('ApiKeyPreset', {
  description: 'Named sets of scopes: `INGEST` is `usage:write`, `READ` is every scope that ends in `:read`.',
  values: { INGEST: { value: 'ingest' }, READ: { value: 'read' } } as const,
});
const OtlpSettingsInput = builder.inputType('OtlpSettingsInput', {
  description: OTLP,
  fields: (t) => ({ exclusiveInput: t.boolean({ description: `${EXCLUSIVE_INPUT} A new key has false by default.` }) }),
});
const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'A new key. Exactly one of `scopes` and `preset` is required.',
  fields: (t) => ({
    name: t.string({ required: true, description: NAME }),
    scopes: t.stringList({ description: "What the key may do: no scope beyond those of this request's key." }),
    preset: t.field({ type: PresetEnum }),
    teamId: t.id({
      description: "Limits the key to this team's data. By default it has the limit of this request's key.",
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'In the future. By default the key never expires.' }),
    otlp: t.field({ type: OtlpSettingsInput }),
  }),
});
const UpdateApiKeyInput = builder.inputType('UpdateApiKeyInput', {
  description: 'Fields that are left out stay as they are.',
  fields: (t) => ({
    id: t.id({ required: true, description: API_KEY_ID }),
    name: t.string({ description: NAME }),
    expiresAt: t.field({ type: 'DateTime', description: 'In the future. Null: the key never expires.' }),
    otlp: t.field({ type: OtlpSettingsInput }),
  }),
});
const RotateApiKeyInput = builder.inputType('RotateApiKeyInput', {
  fields: (t) => ({
    id: t.id({ required: true, description: API_KEY_ID }),
    graceSeconds: t.int({
      description: 'Number of seconds that the old secret is accepted for: 0 to 604,800, default 0.',
    }),
  }),
});
const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  fields: (t) => ({ id: t.id({ required: true, description: API_KEY_ID }) }),
});

builder.mutationFields((t) => ({
  createApiKey: t.field({
    type: ApiKeyWithSecretRef,
    description:
      "Creates an API key that is not stronger than this request's. What a member's key creates belongs to the member. " +
      'Requires the scope `keys:write`.',
    args: { input: t.arg({ type: CreateApiKeyInput, required: true }) },
    resolve: (_, { input }, context) => createApiKey(context, input),
  }),
  updateApiKey: t.field({
    type: ApiKeyRef,
    description: 'Changes an API key. Requires the scope `keys:write`, and every scope of that key.',
    args: { input: t.arg({ type: UpdateApiKeyInput, required: true }) },
    resolve: (_, { input }, context) => updateApiKey(context, input),
  }),
  rotateApiKey: t.field({
    type: ApiKeyWithSecretRef,
    description:
      'Gives an API key a new secret; its id stays. Of its secrets only the newest two are ever accepted. Requires the ' +
      'scope `keys:write`, and every scope of that key.',
    args: { input: t.arg({ type: RotateApiKeyInput, required: true }) },
    resolve: (_, { input }, context) => rotateApiKey(context, input),
  }),
  revokeApiKey: t.field({
    type: ApiKeyRef,
    description: 'Ends an API key for ever. Requires the scope `keys:write`, and every scope of that key.',
    args: { input: t.arg({ type: RevokeApiKeyInput, required: true }) },
    resolve: (_, { input }, context) => revokeApiKey(context, input),
  }),
}));

const ApiKeyConnection = builder.connectionObject({ type: ApiKeyRef, name: 'ApiKeyConnection' });

builder.queryFields((t) => ({
  apiKey: t.field({
    type: ApiKeyRef,
    description: 'One API key. Requires the scope `keys:write`; any key may read itself.',
    args: { id: t.arg.id({ required: true, description: API_KEY_ID }) },
    resolve: (_, { id }, context) => getApiKey(context, id),
  }),
  apiKeys: t.field({
    type: ApiKeyConnection,
    description:
      'The API keys, newest first. Those that were revoked or have expired are listed for 90 days more. Requires the ' +
      'scope `keys:write`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(API_KEY_CURSOR, await listApiKeys(context, args), (key) => key.id, args.after),
  }),
}));
