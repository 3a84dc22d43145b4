import { requireScope } from '../domain/access/require-scope.ts';
import type { Context } from '../domain/context.ts';
import { UNPRICED_REASONS } from '../domain/pricing/unpriced-reason.ts';
import { type CostBreakdownLine, explainCost } from '../domain/usage/explain-cost.ts';
import { findUsageEvent } from '../domain/usage/find-usage-event.ts';
import { COST_SOURCES, type UsageEvent } from '../domain/usage/usage-event.ts';
import { formatId } from '../platform/ids.ts';
import { builder } from './builder.ts';

/** An event, and where it was just recorded, whether an earlier request had done so. */
export type UsageEventSource = UsageEvent & { duplicate?: boolean };

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

function loadEvent(id: string, context: Context) {
  requireScope(context.caller, 'usage:read');
  return findUsageEvent(context, id);
}

builder.node(UsageEventRef, {
  description: 'One usage event as it stands in the ledger. Totals include their parts.',
  id: { resolve: (event) => event.id },
  loadOne: loadEvent,
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'costSource' in value,
  fields: (t) => ({
    eventId: t.exposeString('eventId', {
      description: "The caller's own id, or this event's id where none was given.",
    }),
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    serviceTier: t.exposeString('serviceTier'),
    inputTokens: t.expose('inputTokens', { type: 'SafeInt' }),
    outputTokens: t.expose('outputTokens', { type: 'SafeInt' }),
    totalTokens: t.field({ type: 'SafeInt', resolve: (event) => event.inputTokens + event.outputTokens }),
    cacheReadTokens: t.expose('cacheReadTokens', { type: 'SafeInt' }),
    cacheWriteTokens: t.expose('cacheWriteTokens', { type: 'SafeInt' }),
    cacheWrite1hTokens: t.expose('cacheWrite1hTokens', { type: 'SafeInt' }),
    reasoningTokens: t.expose('reasoningTokens', { type: 'SafeInt' }),
    inputAudioTokens: t.expose('inputAudioTokens', { type: 'SafeInt' }),
    outputAudioTokens: t.expose('outputAudioTokens', { type: 'SafeInt' }),
    webSearches: t.expose('webSearches', { type: 'SafeInt' }),
    requests: t.expose('requests', { type: 'SafeInt', description: '1, or -1 where this event reverses another.' }),
    timestamp: t.field({ type: 'DateTime', resolve: (event) => new Date(event.timeMs) }),
    recordedAt: t.field({ type: 'DateTime', resolve: (event) => new Date(event.recordedAtMs) }),
    teamId: t.id({ nullable: true, resolve: ({ teamId }) => teamId && formatId('team', teamId) }),
    apiKeyId: t.id({ resolve: (event) => formatId('apiKey', event.apiKeyId) }),
    userId: t.exposeString('userId', { nullable: true }),
    tags: t.expose('tags', { type: 'JSON' }),
    metadata: t.field({ type: 'JSON', nullable: true, resolve: (event) => event.metadata }),
    cost: t.expose('cost', { type: 'Decimal', nullable: true, description: 'USD; null where it is unknown.' }),
    computedCost: t.expose('computedCost', {
      type: 'Decimal',
      nullable: true,
      description: "Our own price of the event, also where the caller's cost wins.",
    }),
    costSource: t.field({ type: CostSourceRef, resolve: (event) => event.costSource }),
    priceId: t.id({ nullable: true, resolve: ({ priceId }) => priceId && formatId('price', priceId) }),
    costBreakdown: t.field({
      type: [CostBreakdownLineRef],
      resolve: (event, _, context) => explainCost(context, event),
    }),
    unpricedReason: t.exposeString('unpricedReason', {
      nullable: true,
      description: Object.entries(UNPRICED_REASONS)
        .map(([reason, text]) => `\`${reason}\`: ${text}`)
        .join('\n'),
    }),
    warnings: t.exposeStringList('warnings', { description: "What was doubtful about the provider's usage object." }),
    holdId: t.id({ nullable: true, resolve: ({ holdId }) => holdId && formatId('hold', holdId) }),
    voids: t.id({
      nullable: true,
      description: 'The event that this one reverses.',
      resolve: ({ voidsId }) => voidsId && formatId('usageEvent', voidsId),
    }),
    voidReason: t.exposeString('voidReason', { nullable: true }),
    duplicate: t.boolean({
      description: 'Whether this answer repeats what an earlier request with the same id had recorded.',
      resolve: (event) => event.duplicate ?? false,
    }),
  }),
});
