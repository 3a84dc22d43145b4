import { requireScope } from '../../domain/access/require-scope.ts';
import type { Context } from '../../domain/context.ts';
import { UNPRICED_REASONS } from '../../domain/pricing/price/unpriced-reason.ts';
import { USAGE_COUNTS } from '../../domain/pricing/price/usage-counts.ts';
import { COST_SOURCES, type UsageEvent } from '../../domain/usage/event/usage-event.ts';
import { type CostBreakdownLine, explainCost } from '../../domain/usage/explain-cost.ts';
import { findUsageEvent } from '../../domain/usage/find-usage-event.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';

/**
 * An event as its type's fields read it: with ids as the wire has them, so that hardly a field
 * needs a call.
 */
export interface UsageEventSource extends Omit<UsageEvent, 'organizationId' | 'timeMs' | 'recordedAtMs' | 'voidsId'> {
  event: UsageEvent;
  totalTokens: number;
  timestamp: Date;
  recordedAt: Date;
  voids: string | null;
  /** Whether an earlier request had recorded it. */
  duplicate: boolean;
  /** Where it was worked out before it was asked for. */
  costBreakdown?: ReturnType<typeof explainCost>;
}

/**
 * Makes an event ready for its type. A literal, since V8 gives no stable hidden class to an object
 * that is spread or filled in a loop; the type makes a missing field a compile error.
 */
export function toUsageEventSource(event: UsageEvent, duplicate = false): UsageEventSource {
  const { teamId, priceId, holdId, voidsId } = event;
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
    computedCost: event.computedCost,
    costSource: event.costSource,
    priceId: priceId && formatId('price', priceId),
    unpricedReason: event.unpricedReason,
    warnings: event.warnings,
    holdId: holdId && formatId('hold', holdId),
    voids: voidsId && formatId('usageEvent', voidsId),
    voidReason: event.voidReason,
    duplicate,
  };
}

export const UsageEventRef = builder.objectRef<UsageEventSource>('UsageEvent');

export const CostSourceRef = builder.enumType('CostSource', {
  description: "Where a cost came from: the caller, the public catalog, the organization's own price, or nowhere.",
  values: Object.fromEntries(COST_SOURCES.map((source) => [source.toUpperCase(), { value: source }])),
});

export const CostBreakdownLineRef = builder.objectRef<CostBreakdownLine>('CostBreakdownLine').implement({
  description: 'One part of a computed cost: amount = quantity x unitPrice, exactly. No token is in two lines.',
  fields: (t) => ({
    unit: t.exposeString('unit'),
    quantity: t.expose('quantity', { type: 'SafeInt' }),
    unitPrice: t.expose('unitPrice', { type: 'Decimal', description: 'USD for one unit.' }),
    amount: t.expose('amount', { type: 'Decimal' }),
  }),
});

async function loadEvent(id: string, context: Context) {
  requireScope(context.caller, 'usage:read');
  const event = await findUsageEvent(context, id);
  return event && toUsageEventSource(event);
}

builder.node(UsageEventRef, {
  description: 'One usage event as it stands in the ledger. Totals include their parts.',
  id: { resolve: ({ event }) => event.id, extensions: { isProperty: true } },
  loadOne: loadEvent,
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'costSource' in value,
  fields: (t) => ({
    eventId: t.exposeString('eventId', {
      description: "The caller's own id, or this event's id where none was given.",
    }),
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    serviceTier: t.exposeString('serviceTier'),
    ...Object.fromEntries(USAGE_COUNTS.map(({ field }) => [field, t.expose(field, { type: 'SafeInt' })])),
    totalTokens: t.expose('totalTokens', { type: 'SafeInt' }),
    requests: t.expose('requests', { type: 'SafeInt', description: '1, or -1 where this event reverses another.' }),
    timestamp: t.expose('timestamp', { type: 'DateTime' }),
    recordedAt: t.expose('recordedAt', { type: 'DateTime' }),
    teamId: t.exposeID('teamId', { nullable: true }),
    apiKeyId: t.exposeID('apiKeyId'),
    userId: t.exposeString('userId', { nullable: true }),
    tags: t.expose('tags', { type: 'JSON' }),
    metadata: t.expose('metadata', { type: 'JSON', nullable: true }),
    cost: t.expose('cost', { type: 'Decimal', nullable: true, description: 'USD; null where it is unknown.' }),
    computedCost: t.expose('computedCost', {
      type: 'Decimal',
      nullable: true,
      description: 'The computed cost of the event, also where the caller gave a cost.',
    }),
    costSource: t.expose('costSource', { type: CostSourceRef }),
    priceId: t.exposeID('priceId', { nullable: true }),
    costBreakdown: t.field({
      type: [CostBreakdownLineRef],
      resolve: ({ event, costBreakdown }, _, context) => costBreakdown ?? explainCost(context, event),
    }),
    unpricedReason: t.exposeString('unpricedReason', {
      nullable: true,
      description: Object.entries(UNPRICED_REASONS)
        .map(([reason, text]) => `\`${reason}\`: ${text}`)
        .join('\n'),
    }),
    warnings: t.exposeStringList('warnings', { description: "What did not add up in the provider's usage object." }),
    holdId: t.exposeID('holdId', { nullable: true }),
    voids: t.exposeID('voids', { nullable: true, description: 'The event that this one reverses.' }),
    voidReason: t.exposeString('voidReason', { nullable: true }),
    duplicate: t.exposeBoolean('duplicate', {
      description: 'Whether this answer repeats what an earlier request with the same id had recorded.',
    }),
  }),
});
