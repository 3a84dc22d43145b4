import type { UsageCount } from '../../domain/pricing/price/usage-counts.ts';
import type { Dimension, DimensionName } from '../../domain/usage/sums/usage-dimension.ts';
import { DIMENSIONS } from '../../domain/usage/sums/usage-dimension.ts';
import { builder } from '../builder/builder.ts';

export const UsageEventInput = builder.inputType('RecordUsageInput', {
  description:
    'One usage event. Totals include their parts: inputTokens the cache reads and writes, outputTokens the reasoning.',
  fields: (t) => ({
    id: t.string({ description: 'Your own id of the event: a repeat with the same id is never recorded twice.' }),
    provider: t.string({ required: true }),
    model: t.string({ description: 'May be left out only where `usage` is a response body that names it.' }),
    // Not made in a loop: the input's type is inferred from its fields' names.
    ...({
      inputTokens: t.field({
        type: 'SafeInt',
        description: 'All input, cache reads and writes included. Required, unless `usage` is given.',
      }),
      outputTokens: t.field({
        type: 'SafeInt',
        description: 'All output, reasoning included. Required, unless `usage` is given.',
      }),
      cacheReadTokens: t.field({ type: 'SafeInt' }),
      cacheWriteTokens: t.field({ type: 'SafeInt' }),
      cacheWrite1hTokens: t.field({ type: 'SafeInt', description: 'The part of cacheWriteTokens kept for an hour.' }),
      reasoningTokens: t.field({ type: 'SafeInt' }),
      inputAudioTokens: t.field({ type: 'SafeInt' }),
      outputAudioTokens: t.field({ type: 'SafeInt' }),
      webSearches: t.field({ type: 'SafeInt' }),
    } satisfies Record<UsageCount, unknown>),
    usage: t.field({
      type: 'JSON',
      description: "The provider's own usage object, or its whole response body, unchanged; instead of the counts.",
    }),
    serviceTier: t.string({ description: 'Default: standard.' }),
    timestamp: t.field({ type: 'DateTime', description: 'When the request happened; default now.' }),
    teamId: t.id(),
    userId: t.string(),
    tags: t.field({ type: 'JSON', description: 'An object with string values, such as {"env": "prod"}.' }),
    metadata: t.field({ type: 'JSON', description: 'Any object. It is stored and returned, and never interpreted.' }),
    holdId: t.id({ description: 'The hold that this event settles.' }),
    requireCredits: t.boolean({ description: 'Refuse the event where prepaid credits do not cover it.' }),
    cost: t.field({
      type: 'Decimal',
      description: 'What the request really cost, in USD. It takes precedence over the computed cost.',
    }),
  }),
});

export const RecordUsageBatchInput = builder.inputType('RecordUsageBatchInput', {
  fields: (t) => ({ events: t.field({ type: [UsageEventInput], required: true, description: '1 to 1,000 events.' }) }),
});

const TagFilter = builder.inputType('TagFilter', {
  fields: (t) => ({ key: t.string({ required: true }), value: t.string({ required: true }) }),
});

export const UsageFilterInput = builder.inputType('UsageFilter', {
  description: 'Which events count: those that match everything given here.',
  fields: (t) => ({
    provider: t.string(),
    model: t.string(),
    teamId: t.id(),
    userId: t.string(),
    apiKeyId: t.id(),
    serviceTier: t.string(),
    tags: t.field({ type: [TagFilter] }),
  }),
});

const DimensionEnum = builder.enumType('UsageDimension', {
  values: Object.fromEntries(DIMENSIONS.map((name) => [name.toUpperCase(), { value: name }])) as Record<
    string,
    { value: DimensionName }
  >,
});

export const GroupByInput = builder.inputType('UsageGroupBy', {
  fields: (t) => ({
    dimension: t.field({ type: DimensionEnum, required: true }),
    key: t.string({ description: 'The key of the tag, where the dimension is TAG.' }),
  }),
});

/** Arguments as the domain has them. */
export function readGroupBy(
  given: readonly { dimension: DimensionName; key?: string | null }[] | null | undefined,
): Dimension[] | null {
  return given?.map(({ dimension, key }) => ({ name: dimension, key: key ?? null })) ?? null;
}
