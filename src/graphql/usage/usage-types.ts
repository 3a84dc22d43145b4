import { requireScope } from '../../domain/access/require-scope.ts';
import type { Context } from '../../domain/context.ts';
import { UNPRICED_REASONS } from '../../domain/pricing/price/unpriced-reason.ts';
import { USAGE_COUNTS } from '../../domain/pricing/price/usage-counts.ts';
import type { UsageUnits } from '../../domain/pricing/price/usage-units.ts';
import {
  ADJUSTMENT_REASONS,
  type AdjustmentReason,
  type UsageAdjustment,
} from '../../domain/usage/event/usage-adjustment.ts';
import { COST_SOURCES, type CostSource, type UsageEvent } from '../../domain/usage/event/usage-event.ts';
import { type CostBreakdownLine, explainCost } from '../../domain/usage/explain-cost.ts';
import { findUsageEvent } from '../../domain/usage/find-usage-event.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';

/**
 * An event as the fields of its type read it. Ids are TypeIDs already, so that few fields need a
 * resolver call.
 */
export interface UsageEventSource
  extends Omit<
    UsageEvent,
    'organizationId' | 'timeMs' | 'recordedAtMs' | 'voidsId' | 'voidedById' | 'details' | 'adjustsId' | 'adjustments'
  > {
  event: UsageEvent;
  originalCost: string | null;
  adjustments: UsageAdjustment[];
  totalTokens: number;
  timestamp: Date;
  recordedAt: Date;
  units: UsageUnits;
  responseId: string | null;
  servedModel: string | null;
  voids: string | null;
  voidedBy: string | null;
  /** Whether an earlier request recorded the event. */
  duplicate: boolean;
  /** Set when it was computed before the field was asked for. */
  costBreakdown?: ReturnType<typeof explainCost>;
}

const NO_UNITS: UsageUnits = Object.freeze({});
const NO_ADJUSTMENTS: UsageAdjustment[] = [];

/**
 * Makes the source of the type UsageEvent. It is a literal because V8 gives no stable hidden class
 * to an object that is spread or filled in a loop.
 */
export function toUsageEventSource(event: UsageEvent, duplicate = false): UsageEventSource {
  const { teamId, priceId, holdId, voidsId, voidedById, adjustments } = event;
  return {
    event,
    id: formatId('usageEvent', event.id),
    eventId: event.eventId,
    provider: event.provider,
    model: event.model,
    serviceTier: event.serviceTier,
    inputTokens: event.inputTokens,
    outputTokens: event.outputTokens,
    totalTokens: event.inputTokens + event.outputTokens,
    cacheReadTokens: event.cacheReadTokens,
    cacheWriteTokens: event.cacheWriteTokens,
    cacheWrite1hTokens: event.cacheWrite1hTokens,
    reasoningTokens: event.reasoningTokens,
    inputAudioTokens: event.inputAudioTokens,
    outputAudioTokens: event.outputAudioTokens,
    webSearches: event.webSearches,
    requests: event.requests,
    timestamp: new Date(event.timeMs),
    recordedAt: new Date(event.recordedAtMs),
    teamId: teamId && formatId('team', teamId),
    apiKeyId: formatId('apiKey', event.apiKeyId),
    userId: event.userId,
    tags: event.tags,
    metadata: event.metadata,
    cost: event.cost,
    originalCost: adjustments === null ? event.cost : (adjustments[0]?.costBefore ?? null),
    adjustments: adjustments ?? NO_ADJUSTMENTS,
    computedCost: event.computedCost,
    costSource: event.costSource,
    priceId: priceId && formatId('price', priceId),
    unpricedReason: event.unpricedReason,
    warnings: event.warnings,
    units: event.details?.units ?? NO_UNITS,
    responseId: event.details?.responseId ?? null,
    servedModel: event.details?.servedModel ?? null,
    holdId: holdId && formatId('hold', holdId),
    voids: voidsId && formatId('usageEvent', voidsId),
    voidReason: event.voidReason,
    voidedBy: voidedById && formatId('usageEvent', voidedById),
    duplicate,
  };
}

export const COST_DESCRIPTION = "The caller's cost, else the computed one, in USD; null where it is unknown.";
export const COMPUTED_COST_DESCRIPTION =
  'The cost by prices in USD, also where the caller gave a cost; null where no price is known.';
export const PRICE_ID_DESCRIPTION = 'The price that the cost is computed by; null without a computed cost.';
export const COST_BREAKDOWN_DESCRIPTION = 'The lines that add up to the computed cost; empty without one.';
export const WARNINGS_DESCRIPTION =
  'What did not add up in the usage that was read, and what the cost leaves out or has doubts about, each as a message.';
export const UNPRICED_REASON_DESCRIPTION = [
  'Why no cost is computed; null where one is.',
  ...Object.entries(UNPRICED_REASONS).map(([reason, text]) => `\`${reason}\`: ${text}`),
].join('\n');

export const UsageEventRef = builder.objectRef<UsageEventSource>('UsageEvent');

const SOURCE_DESCRIPTIONS: Readonly<Record<CostSource, string>> = {
  caller: 'The caller gave the cost, itself or in the response body of the provider.',
  catalog: 'The cost is computed by a price of the public catalog.',
  override: "The cost is computed by the organization's own price.",
  unpriced: 'The cost is unknown.',
};

export const CostSourceRef = builder.enumType('CostSource', {
  description: "Where a cost comes from: the caller, the public catalog, the organization's own price, or nowhere.",
  values: Object.fromEntries(
    COST_SOURCES.map((source) => [source.toUpperCase(), { value: source, description: SOURCE_DESCRIPTIONS[source] }]),
  ),
});

const REASON_DESCRIPTIONS: Readonly<Record<AdjustmentReason, string>> = {
  priced_later: 'No price was known when the event was recorded; one became known later.',
  repriced: 'Its price was looked up again by a job, with `repriceUsage`.',
};

const AdjustmentReasonRef = builder.enumType('AdjustmentReason', {
  description: 'Why the cost of an event was changed after it was recorded.',
  values: Object.fromEntries(
    ADJUSTMENT_REASONS.map((reason) => [
      reason.toUpperCase(),
      { value: reason, description: REASON_DESCRIPTIONS[reason] },
    ]),
  ),
});

const AdjustmentRef = builder.objectRef<UsageAdjustment>('UsageAdjustment').implement({
  description: 'One change of the cost of an event, after it was recorded. Sums, budgets and credits follow it.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When it was changed.', resolve: ({ atMs }) => new Date(atMs) }),
    priceId: t.id({
      nullable: true,
      description: 'The price that the cost is computed by since then.',
      resolve: ({ priceId }) => priceId && formatId('price', priceId),
    }),
    costBefore: t.expose('costBefore', { type: 'Decimal', nullable: true, description: 'In USD; null: unknown.' }),
    costAfter: t.expose('costAfter', { type: 'Decimal', description: 'In USD.' }),
    reason: t.expose('reason', { type: AdjustmentReasonRef }),
  }),
});

export const CostBreakdownLineRef = builder.objectRef<CostBreakdownLine>('CostBreakdownLine').implement({
  description:
    'One line of a computed cost: `amount` = `quantity` x `unitPrice`, exactly. Each token is in one line only.',
  fields: (t) => ({
    unit: t.exposeString('unit', { description: 'What is charged, such as `input_tokens`.' }),
    model: t.exposeString('model', {
      nullable: true,
      description:
        "The model that used it, where the answer names a second one that is charged apart; null for the event's own.",
    }),
    quantity: t.expose('quantity', { type: 'SafeInt' }),
    unitPrice: t.expose('unitPrice', {
      type: 'Decimal',
      description: 'The price of one unit in USD; a second of an hour is rounded to 18 places.',
    }),
    amount: t.expose('amount', {
      type: 'Decimal',
      description:
        '`quantity` x `unitPrice`, in USD; where the price of one unit had to be rounded, the exact product, rounded half ' +
        'to even at 18 places.',
    }),
  }),
});

async function loadEvent(id: string, context: Context) {
  requireScope(context.caller, 'usage:read');
  const event = await findUsageEvent(context, id);
  return event && toUsageEventSource(event);
}

builder.node(UsageEventRef, {
  description:
    'One usage event as it is in the ledger. Counts include their parts: input includes cache reads, cache writes and ' +
    'audio; output includes reasoning and audio.',
  id: { resolve: ({ event }) => event.id, extensions: { isProperty: true } },
  loadOne: loadEvent,
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'costSource' in value,
  fields: (t) => ({
    eventId: t.exposeString('eventId', {
      description: "The caller's own id of the event; where none was given, the same as `id`.",
    }),
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    serviceTier: t.exposeString('serviceTier'),
    ...Object.fromEntries(USAGE_COUNTS.map(({ field }) => [field, t.expose(field, { type: 'SafeInt' })])),
    totalTokens: t.expose('totalTokens', { type: 'SafeInt', description: 'Input tokens plus output tokens.' }),
    requests: t.expose('requests', { type: 'SafeInt', description: '1, or -1 where the event reverses another.' }),
    timestamp: t.expose('timestamp', { type: 'DateTime', description: 'When the request happened.' }),
    recordedAt: t.expose('recordedAt', { type: 'DateTime', description: 'When the event was recorded.' }),
    teamId: t.exposeID('teamId', { nullable: true }),
    apiKeyId: t.exposeID('apiKeyId', { description: 'The API key that recorded the event.' }),
    userId: t.exposeString('userId', { nullable: true, description: "The caller's own id of the user." }),
    tags: t.expose('tags', { type: 'JSON', description: 'An object with string values; empty without tags.' }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'The object that was given with the event, unchanged.',
    }),
    cost: t.expose('cost', { type: 'Decimal', nullable: true, description: COST_DESCRIPTION }),
    originalCost: t.expose('originalCost', {
      type: 'Decimal',
      nullable: true,
      description: 'The cost as the event was recorded; other than `cost` where that was changed since.',
    }),
    adjustments: t.expose('adjustments', {
      type: [AdjustmentRef],
      description: 'What changed the cost since the event was recorded, oldest first; mostly nothing.',
    }),
    computedCost: t.expose('computedCost', {
      type: 'Decimal',
      nullable: true,
      description: COMPUTED_COST_DESCRIPTION,
    }),
    costSource: t.expose('costSource', { type: CostSourceRef }),
    priceId: t.exposeID('priceId', { nullable: true, description: PRICE_ID_DESCRIPTION }),
    costBreakdown: t.field({
      type: [CostBreakdownLineRef],
      description: COST_BREAKDOWN_DESCRIPTION,
      resolve: ({ event, costBreakdown }, _, context) => costBreakdown ?? explainCost(context, event),
    }),
    unpricedReason: t.exposeString('unpricedReason', {
      nullable: true,
      description: UNPRICED_REASON_DESCRIPTION,
    }),
    warnings: t.exposeStringList('warnings', {
      description: WARNINGS_DESCRIPTION,
    }),
    units: t.expose('units', {
      type: 'JSON',
      description:
        'What else was used: an object of quantities by unit, negative where the event reverses another; empty where there ' +
        'is nothing.',
    }),
    responseId: t.exposeString('responseId', {
      nullable: true,
      description: "The provider's own id of the answer; null where it is not known.",
    }),
    servedModel: t.exposeString('servedModel', {
      nullable: true,
      description: 'The model that the answer names, where it is not `model`.',
    }),
    holdId: t.exposeID('holdId', { nullable: true, description: 'The hold that the event settled.' }),
    voids: t.exposeID('voids', {
      nullable: true,
      description: 'The event that this one reverses; null for other events.',
    }),
    voidReason: t.exposeString('voidReason', {
      nullable: true,
      description: 'Why the other event was voided; null where this event reverses none.',
    }),
    voidedBy: t.exposeID('voidedBy', {
      nullable: true,
      description: 'The event that reverses this one; null where it was not voided.',
    }),
    duplicate: t.exposeBoolean('duplicate', {
      description: 'Whether an earlier request with the same id or response id recorded the event.',
    }),
  }),
});
