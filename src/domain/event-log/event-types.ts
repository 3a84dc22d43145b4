import { z } from 'zod';
import { formatId } from '../../platform/ids.ts';
import { plainDecimal } from '../../platform/money.ts';
import { ANOMALY_FIELDS, anomalyData } from './anomaly-data.ts';
import { BUDGET_FIELDS, budgetData, thresholdData } from './budget-data.ts';
import { field, nullableField, type PayloadField } from './payload-field.ts';

// The one table of what can happen. The log, GraphQL's enum and union, the OpenAPI document and
// webhooks are made of it: a type of event is added here, and by whoever writes its rows.

/** A type of event whose data was checked and is read by one of its fields. */
export interface EventTypeDefinition {
  /** When it is raised, as the end of a sentence. */
  description: string;
  /** The name of its data in GraphQL and in the OpenAPI document. */
  payload: string;
  fields: Readonly<Record<string, Omit<PayloadField<never>, 'read'>>>;
  /**
   * The data as callers see it: names in camelCase, ids as TypeIDs, money as plain decimals.
   * @throws Error where it is not what is stored of this type
   */
  describe(stored: unknown): Record<string, unknown>;
}

function eventType<Stored>(
  description: string,
  payload: string,
  stored: z.ZodType<Stored>,
  fields: Readonly<Record<string, PayloadField<Stored>>>,
): EventTypeDefinition {
  const entries = Object.entries(fields);
  return {
    description,
    payload,
    fields,
    describe(value) {
      const data = stored.parse(value);
      return Object.fromEntries(entries.map(([name, { read }]) => [name, read(data)]));
    },
  };
}

/**
 * What the SQL function `raise_credit_events` writes of an organization's credits: NUMERIC at full
 * scale, in USD.
 */
const creditData = z.object({ granted: z.string(), available: z.string() });

const CREDIT_FIELDS: Readonly<Record<string, PayloadField<z.infer<typeof creditData>>>> = {
  granted: field('decimal', 'The sum of the unexpired grants, in USD.', ({ granted }) => plainDecimal(granted)),
  available: field('decimal', 'What is neither used nor held, in USD.', ({ available }) => plainDecimal(available)),
};

/** What the SQL function `raise_unpriced` writes of the first event without a price. The id is a UUID. */
const unpricedData = z.object({
  provider: z.string(),
  model: z.string(),
  serviceTier: z.string(),
  reason: z.string(),
  usageId: z.string(),
});

/** Ids are UUIDs. */
const inviteData = z.object({
  inviteId: z.string(),
  teamId: z.string(),
  memberId: z.string(),
  email: z.string(),
  role: z.string(),
});

/** The id is a UUID. `reason` is what `Webhook.disabled_reason` is from then on. */
const webhookData = z.object({
  webhookId: z.string(),
  url: z.string(),
  reason: z.string(),
  lastStatusCode: z.number().nullable(),
});

const TYPES = {
  'usage.exceeded': eventType('the usage of a budget reached its limit', 'UsageExceeded', budgetData, BUDGET_FIELDS),
  'budget.threshold_reached': eventType(
    'the usage of a budget reached one of its thresholds',
    'BudgetThresholdReached',
    thresholdData,
    { ...BUDGET_FIELDS, threshold: field('count', 'The threshold, in percent.', ({ threshold }) => threshold) },
  ),
  'budget.recovered': eventType(
    'the usage of a budget is below its limit again',
    'BudgetRecovered',
    budgetData,
    BUDGET_FIELDS,
  ),
  'usage.unpriced': eventType(
    'usage without a price was recorded, of a provider, model, service tier and reason for the first time',
    'UsageUnpriced',
    unpricedData,
    {
      provider: field('string', 'The provider, as the usage event has it.', ({ provider }) => provider),
      model: field('string', 'The model, as the usage event has it.', ({ model }) => model),
      serviceTier: field('string', 'The service tier.', ({ serviceTier }) => serviceTier),
      reason: field(
        'string',
        'Why there is no price, as `unpriced_reason` of the usage event.',
        ({ reason }) => reason,
      ),
      usageId: field('id', 'The usage event that was recorded first.', ({ usageId }) =>
        formatId('usageEvent', usageId),
      ),
    },
  ),
  'usage.anomaly': eventType(
    'a day or an hour of the organization, a team or an API key costs more than its normal range',
    'UsageAnomaly',
    anomalyData,
    ANOMALY_FIELDS,
  ),
  'credits.low': eventType('at most a tenth of the unexpired grants is left', 'CreditsLow', creditData, CREDIT_FIELDS),
  'credits.exhausted': eventType('no prepaid credits are left', 'CreditsExhausted', creditData, CREDIT_FIELDS),
  'invite.accepted': eventType('somebody accepted an invite to a team', 'InviteAccepted', inviteData, {
    inviteId: field('id', 'The invite.', ({ inviteId }) => formatId('invite', inviteId)),
    teamId: field('id', 'The team.', ({ teamId }) => formatId('team', teamId)),
    memberId: field('id', 'The new member.', ({ memberId }) => formatId('member', memberId)),
    email: field('string', "The member's address, in lower case.", ({ email }) => email),
    role: field('string', "The member's role: `owner`, `admin`, `member` or `viewer`.", ({ role }) => role),
  }),
  'webhook.disabled': eventType('a webhook was disabled', 'WebhookDisabled', webhookData, {
    webhookId: field('id', 'The webhook.', ({ webhookId }) => formatId('webhook', webhookId)),
    url: field('string', 'Its URL.', ({ url }) => url),
    reason: field('string', 'Why: `gone` or `failing`.', ({ reason }) => reason),
    lastStatusCode: nullableField(
      'count',
      'The HTTP status of its last answer; null where it gave none.',
      ({ lastStatusCode }) => lastStatusCode,
    ),
  }),
} as const;

export type EventType = keyof typeof TYPES;

/** Every type of event, in the order of the documents. */
export const EVENT_TYPES: ReadonlyMap<EventType, EventTypeDefinition> = new Map(
  Object.entries(TYPES) as [EventType, EventTypeDefinition][],
);

/**
 * The data of an event as callers see it.
 * @throws Error where it is not what is stored of this type, or the type is unknown
 */
export function describeData(type: EventType, stored: unknown): Record<string, unknown> {
  const definition = EVENT_TYPES.get(type);
  if (!definition) throw new Error(`there is no type of event named ${type}`);
  return definition.describe(stored);
}
