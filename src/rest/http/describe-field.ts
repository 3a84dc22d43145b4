import type { z } from '@hono/zod-openapi';
import { type GraphQLEnumType, type GraphQLType, getNamedType, isEnumType } from 'graphql';
import { USAGE_LIMITS } from '../../domain/input/limits.ts';
import { snakeName } from './case.ts';

// What the OpenAPI document says of a field beside what the GraphQL schema knows, by type and
// field, or by field alone.

interface Details {
  description?: string;
  example?: unknown;
  default?: unknown;
  minItems?: number;
  maxItems?: number;
}

const ID = '01h455vb4pex5vsknk084sn02q';

const DIMENSIONS = 'provider, model, team, user, api_key, service_tier, tag:KEY';

const DETAILS: Readonly<Record<string, Details>> = {
  provider: { example: 'openai' },
  model: { example: 'gpt-4o' },
  thresholds: { example: [50, 80, 100] },
  groupBy: { description: `Up to three, comma-separated, of ${DIMENSIONS}.` },
  'costs.groupBy': { description: `Up to three, comma-separated, of ${DIMENSIONS}; default: provider.` },
  reason: { example: 'sent twice by mistake' },
  secret: { example: 'mtr_live_...' },
  unit: { example: 'input_tokens' },
  'UnitPrice.per': { example: 1_000_000 },
  'CreateHoldInput.expiresIn': { example: 300 },
  'CreateBudgetInput.name': { example: 'Production' },
  'CreateTeamInput.name': { example: 'Research' },
  'UpdateTeamInput.name': { example: 'Research' },
  'CreateOrganizationInput.name': { example: 'Acme' },
  'UpdateOrganizationInput.name': { example: 'Acme' },
  'CreateOrganizationInput.plan': { default: 'free' },
  'CreateOrganizationInput.credits': { default: 'none' },
  'Team.name': { example: 'Research' },
  'AuditEntry.action': { example: 'team.created' },
  'AuditEntry.targetId': { example: `team_${ID}` },
  'AuditEntry.before': { example: { name: 'Research' } },
  'AuditEntry.after': { example: { name: 'Research' } },
  'RecordUsageBatchInput.events': { minItems: 1, maxItems: USAGE_LIMITS.batchEvents },
  'UsageEvent.id': { example: `usage_${ID}` },
  'Budget.id': { example: `budget_${ID}` },
  'Hold.id': { example: `hold_${ID}` },
  'CreditGrant.id': { example: `grant_${ID}` },
  'Event.id': { example: `event_${ID}` },
  'Team.id': { example: `team_${ID}` },
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

/** Whole bodies, by the input's type. */
export const BODY_EXAMPLES: Readonly<Record<string, object>> = {
  RecordUsageInput: EVENT,
  RecordUsageBatchInput: { events: [EVENT] },
  CreateBudgetInput: { name: 'Production', amount: '100.00', period: 'month', action: 'block' },
  CreateHoldInput: { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 },
  GrantCreditsInput: { amount: '100.00' },
};

/** What is said of `field` where it stands in `type`. */
function detailsOf(type: string, field: string): Details {
  return DETAILS[`${type}.${field}`] ?? DETAILS[field] ?? {};
}

/** A field or argument of the GraphQL schema, as far as it is described. */
interface Described {
  name: string;
  type: GraphQLType;
  description?: string | null | undefined;
}

const CAMEL = /\b[a-z]+(?:[A-Z][a-z]*)+\b/g;

function respellEnum(text: string, type: GraphQLEnumType): string {
  let result = text;
  for (const { name, value } of type.getValues())
    result = result.replace(new RegExp(`\\b${name}\\b`, 'g'), String(value));
  return result;
}

/** GraphQL's description in REST's words. */
export function respellDescription(text: string, type: GraphQLType | null = null): string {
  const named = type && getNamedType(type);
  const words = isEnumType(named) ? respellEnum(text, named) : text;
  return words.replace(CAMEL, snakeName);
}

/**
 * The schema of a field, with what is said of it: the descriptions are GraphQL's, in REST's words.
 */
export function describeField<T extends z.ZodType>(
  schema: T,
  typeName: string,
  { name, type, description }: Described,
): T {
  const said = description ? { description: respellDescription(description, type) } : {};
  return schema.openapi({ ...said, ...detailsOf(typeName, name) });
}
