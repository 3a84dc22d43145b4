import type { z } from '@hono/zod-openapi';
import { type GraphQLEnumType, type GraphQLType, getNamedType, isEnumType } from 'graphql';
import { USAGE_LIMITS } from '../../domain/input/limits.ts';
import { snakeName } from './case.ts';
import { limitsOf } from './document/field-limits.ts';

// The OpenAPI document takes its descriptions from the GraphQL schema. This file adds what that
// lacks.

interface Details {
  description?: string;
  example?: unknown;
  default?: unknown;
  minItems?: number;
  maxItems?: number;
}

const ID = '01h455vb4pex5vsknk084sn02q';

const DIMENSIONS = 'provider, model, team, user, api_key, member, service_tier, tag:KEY';
const GROUP_BY = `At most 3 different dimensions, comma-separated: ${DIMENSIONS}. Given more than once, each value is one dimension, so that the key of a tag may hold commas.`;

const GROUP = {
  description:
    'The value of each dimension in the group. One by team, API key or member has its `name` beside its id; one by ' +
    'several of them has `team_name`, `api_key_name` and `member_name`.',
};

/** By type and field, or by field alone. A description replaces GraphQL's. */
const DETAILS: Readonly<Record<string, Details>> = {
  provider: { example: 'openai' },
  model: { example: 'gpt-4o' },
  thresholds: { example: [50, 80, 100] },
  'usage.groupBy': { description: `${GROUP_BY} Default: none.` },
  'costs.groupBy': {
    description: `${GROUP_BY} Default: provider.`,
  },
  'events.types': { description: 'Only events of this type; default: all types.' },
  'UsageFilter.tags': {
    description:
      'Only events whose tag has this value: `tag[env]=prod`, also written `tag.env=prod`. May be given for several keys.',
  },
  'UsageGroup.group': GROUP,
  'CostGroup.group': GROUP,
  reason: { example: 'sent twice by mistake' },
  secret: { example: 'mtr_live_...' },
  unit: { example: 'input_tokens' },
  units: { example: { storage_searches: 2 } },
  'UnitPrice.per': { example: 1_000_000 },
  'CreateHoldInput.expiresIn': { example: 300 },
  'CreateBudgetInput.name': { example: 'Production' },
  'CreateApiKeyInput.name': { example: 'Chat backend' },
  'CreateApiKeyInput.scopes': { example: ['usage:write', 'usage:read'] },
  'UpdateApiKeyInput.name': { example: 'Chat backend' },
  'UpdateApiKeyInput.expiresAt': { example: '2030-01-01T00:00:00Z' },
  'CreateApiKeyInput.expiresAt': { example: '2030-01-01T00:00:00Z' },
  graceSeconds: { example: 3_600, default: 0 },
  'CreateTeamInput.name': { example: 'Research' },
  'UpdateTeamInput.name': { example: 'Research' },
  'CreateOrganizationInput.name': { example: 'Acme' },
  'UpdateOrganizationInput.name': { example: 'Acme' },
  'CreateOrganizationInput.plan': { default: 'free' },
  'CreateOrganizationInput.credits': { default: 'none' },
  'Team.name': { example: 'Research' },
  email: { example: 'ann@example.com' },
  'Member.name': { example: 'Ann' },
  'UpdateMemberInput.name': { example: 'Ann' },
  'AuditEntry.action': { example: 'team.created' },
  'AuditEntry.targetId': { example: `team_${ID}` },
  'AuditEntry.before': { example: { name: 'Research' } },
  'AuditEntry.after': { example: { name: 'Research' } },
  'RecordUsageBatchInput.events': { minItems: 1, maxItems: USAGE_LIMITS.batchEvents },
  'UsageEvent.id': { example: `usage_${ID}` },
  'Budget.id': { example: `budget_${ID}` },
  'ApiKey.id': { example: `key_${ID}` },
  'ApiKeyWithSecret.id': { example: `key_${ID}` },
  'ApiKey.name': { example: 'Chat backend' },
  'ApiKeyWithSecret.name': { example: 'Chat backend' },
  hint: { example: 'x7Qa' },
  scopes: { example: ['usage:write', 'usage:read'] },
  'Hold.id': { example: `hold_${ID}` },
  'CreditGrant.id': { example: `grant_${ID}` },
  'Event.id': { example: `event_${ID}` },
  'Team.id': { example: `team_${ID}` },
  'Invite.id': { example: `invite_${ID}` },
  'SentInvite.id': { example: `invite_${ID}` },
  'AcceptInviteInput.token': { example: 'inv_00...' },
  'AcceptInviteInput.name': { example: 'Ann' },
  'Member.id': { example: `member_${ID}` },
  'Organization.id': { example: `org_${ID}` },
  'NewOrganization.id': { example: `org_${ID}` },
  'AuditEntry.id': { example: `audit_${ID}` },
};

const EVENT = {
  id: 'my-unique-id',
  provider: 'openai',
  model: 'gpt-4o',
  input_tokens: 1000,
  output_tokens: 500,
  user_id: 'u-42',
  tags: { env: 'prod', feature: 'chat' },
};

/** Examples of whole bodies, by the input's type. */
export const BODY_EXAMPLES: Readonly<Record<string, object>> = {
  RecordUsageInput: EVENT,
  RecordUsageBatchInput: { events: [EVENT] },
  CreateBudgetInput: { name: 'Production', amount: '100.00', period: 'month', action: 'block' },
  CreateHoldInput: { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 },
  CreateApiKeyInput: { name: 'Chat backend', preset: 'ingest' },
  GrantCreditsInput: { amount: '100.00' },
};

/** Details of `field` in `type`. */
function detailsOf(type: string, field: string): Details {
  return DETAILS[`${type}.${field}`] ?? DETAILS[field] ?? {};
}

/** A field or argument of the GraphQL schema. */
interface Described {
  name: string;
  type: GraphQLType;
  description?: string | null | undefined;
}

/** Names without digits: `2^53` must stay. */
const CAMEL = /\b[a-z]+(?:[A-Z][a-z]*)+\b/g;

function respellEnum(text: string, type: GraphQLEnumType): string {
  let result = text;
  for (const { name, value } of type.getValues())
    result = result.replace(new RegExp(`\\b${name}\\b`, 'g'), String(value));
  return result;
}

/** Respells names and enum values in a GraphQL description as REST does. */
export function respellDescription(text: string, type: GraphQLType | null = null): string {
  const named = type && getNamedType(type);
  const words = isEnumType(named) ? respellEnum(text, named) : text;
  return words.replace(CAMEL, snakeName);
}

/**
 * Adds a description and other details to the schema of a field. The description is the field's own
 * in GraphQL, else its enum's.
 */
export function describeField<T extends z.ZodType>(
  schema: T,
  typeName: string,
  { name, type, description }: Described,
): T {
  const named = getNamedType(type);
  const text = description ?? (isEnumType(named) ? named.description : null);
  const described = text ? { description: respellDescription(text, type) } : {};
  return schema.openapi({ ...described, ...limitsOf(typeName, name), ...detailsOf(typeName, name) });
}
