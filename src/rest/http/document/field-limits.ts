import { SCOPES } from '../../../domain/access/scopes.ts';
import { MAX_GRACE_SECONDS } from '../../../domain/api-keys/rotate-api-key.ts';
import { BUDGET_LIMITS } from '../../../domain/budgets/read-budget-input.ts';
import { GRANT_LIMITS } from '../../../domain/credits/grant-credits.ts';
import { HOLD_SECONDS } from '../../../domain/holds/create-hold.ts';
import { USAGE_LIMITS } from '../../../domain/input/limits.ts';
import { MAX_NAME_CHARACTERS } from '../../../domain/input/read-name.ts';
import { MAX_RETENTION_DAYS } from '../../../domain/organizations/update-organization.ts';
import { WEBHOOK_LIMITS } from '../../../domain/webhooks/webhook.ts';
import { ID_PREFIXES, type IdKind } from '../../../platform/ids.ts';

// The domain checks these limits; the OpenAPI document tells them, in the words of JSON Schema.

export interface FieldLimits {
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  propertyNames?: { minLength: number; maxLength: number };
  additionalProperties?: { type: 'string'; maxLength: number };
}

/** A TypeID of a kind, see `platform/ids.ts`. */
function idOf(kind: IdKind): FieldLimits {
  return { pattern: `^${ID_PREFIXES[kind]}_[0-7][0-9a-hjkmnp-tv-z]{25}$` };
}

const text = (minLength: number, maxLength: number): FieldLimits => ({ minLength, maxLength });
const NAME = text(1, MAX_NAME_CHARACTERS);

const EVENTS = { maxItems: WEBHOOK_LIMITS.eventTypes };

/** By field, or by type and field, in inputs and answers alike. */
const IDS: ReadonlyMap<string, FieldLimits> = new Map([
  ['teamId', idOf('team')],
  ['memberId', idOf('member')],
  ['inviteId', idOf('invite')],
  ['apiKeyId', idOf('apiKey')],
  ['actorKeyId', idOf('apiKey')],
  ['actorMemberId', idOf('member')],
  ['holdId', idOf('hold')],
  ['grantId', idOf('grant')],
  ['usageId', idOf('usageEvent')],
  ['voids', idOf('usageEvent')],
  ['priceId', idOf('price')],
  ['WebhookDelivery.id', idOf('delivery')],
  ['WebhookDelivery.eventId', idOf('event')],
  ['RedeliverWebhookInput.id', idOf('delivery')],
  ['webhookDeliveries.id', idOf('webhook')],
]);

/** By type and field, or by field alone, in inputs. */
const INPUTS: ReadonlyMap<string, FieldLimits> = new Map<string, FieldLimits>([
  ['RecordUsageInput.id', text(1, USAGE_LIMITS.eventId)],
  ['RecordUsageInput.responseId', text(1, USAGE_LIMITS.eventId)],
  ['provider', text(1, USAGE_LIMITS.provider)],
  ['model', text(1, USAGE_LIMITS.model)],
  ['userId', text(1, USAGE_LIMITS.userId)],
  ['serviceTier', { maxLength: USAGE_LIMITS.serviceTier }],
  ['reason', text(1, USAGE_LIMITS.voidReason)],
  ['name', NAME],
  ['CreateBudgetInput.name', text(1, BUDGET_LIMITS.name)],
  ['UpdateBudgetInput.name', text(1, BUDGET_LIMITS.name)],
  ['CreateBudgetInput.tokens', { minimum: 1 }],
  ['UpdateBudgetInput.tokens', { minimum: 1 }],
  ['thresholds', { maxItems: BUDGET_LIMITS.thresholds }],
  ['per', { pattern: `^(team|user|api_key|tag:[\\s\\S]{1,${USAGE_LIMITS.tagKey}})$` }],
  ['scopes', { minItems: 1, maxItems: SCOPES.length }],
  ['graceSeconds', { minimum: 0, maximum: MAX_GRACE_SECONDS }],
  ['url', text(1, WEBHOOK_LIMITS.urlCharacters)],
  ['description', { maxLength: WEBHOOK_LIMITS.descriptionCharacters }],
  ['CreateWebhookInput.events', EVENTS],
  ['UpdateWebhookInput.events', EVENTS],
  ['note', { maxLength: GRANT_LIMITS.note }],
  ['expiresIn', { minimum: 1, maximum: HOLD_SECONDS.max }],
  ['retentionDays', { minimum: 1, maximum: MAX_RETENTION_DAYS }],
  [
    'tags',
    {
      maxProperties: USAGE_LIMITS.tags,
      propertyNames: { minLength: 1, maxLength: USAGE_LIMITS.tagKey },
      additionalProperties: { type: 'string', maxLength: USAGE_LIMITS.tagValue },
    },
  ],
]);

/** In filters and arguments, where what is too long is the value of no event. */
const FILTERS: ReadonlyMap<string, FieldLimits> = new Map<string, FieldLimits>([
  ['provider', { minLength: 1 }],
  ['model', { minLength: 1 }],
  ['userId', { minLength: 1 }],
  ['serviceTier', { minLength: 1 }],
  ['after', { minLength: 1, pattern: '^[A-Za-z0-9_-]+$' }],
]);

const INPUT = /Input$/;
const FILTER = /Filter$|^[a-z]/;
/** `id` of a thing: in its answer, in its query, and in the input of what is done to it. */
const OWN_ID =
  /^(?:update|delete|release|remove|void|test|rotate|revoke)?(budget|hold|team|member|invite|organization|webhook|anomalyMute|apiKey|usage(?=Event|Input))(?:Event)?(?:With)?(?:Secret)?(?:Input)?$/i;
const OWN_KINDS: ReadonlyMap<string, IdKind> = new Map([
  ['budget', 'budget'],
  ['hold', 'hold'],
  ['team', 'team'],
  ['member', 'member'],
  ['invite', 'invite'],
  ['organization', 'organization'],
  ['apikey', 'apiKey'],
  ['usage', 'usageEvent'],
  ['webhook', 'webhook'],
  ['anomalymute', 'anomalyMute'],
]);

/** The limits of `field` in `type`, an object or input type, or a field of Query; empty without any. */
export function limitsOf(type: string, field: string): FieldLimits {
  const known = IDS.get(field) ?? IDS.get(`${type}.${field}`);
  if (known) return known;
  const kind = field === 'id' ? OWN_KINDS.get(OWN_ID.exec(type)?.[1]?.toLowerCase() ?? '') : undefined;
  if (kind) return idOf(kind);
  if (FILTER.test(type)) return FILTERS.get(field) ?? {};
  return INPUT.test(type) ? (INPUTS.get(`${type}.${field}`) ?? INPUTS.get(field) ?? {}) : {};
}
