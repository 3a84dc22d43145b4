import type { UsageCount } from '../../domain/pricing/price/usage-counts.ts';
import { USAGE_UNITS } from '../../domain/pricing/price/usage-units.ts';
import type { Dimension, DimensionName } from '../../domain/usage/sums/usage-dimension.ts';
import { DIMENSIONS } from '../../domain/usage/sums/usage-dimension.ts';
import { builder } from '../builder/builder.ts';

const UNITS_DESCRIPTION = [
  'What else was used: an object of whole numbers by unit, such as {"output_image_tokens": 1290}. A quantity of 0 is the',
  'same as none. Tokens of a modality are parts of the count that includes them, and none may be above it. Each unit is',
  'charged by its own price; one that has none is a warning. Not beside `usage`. The units:',
  `${USAGE_UNITS.map(({ unit }) => `\`${unit}\``).join(', ')}.`,
].join(' ');

export const UsageEventInput = builder.inputType('RecordUsageInput', {
  description:
    'One usage event. Counts include their parts: `inputTokens` includes cache reads, cache writes and audio; ' +
    '`outputTokens` includes reasoning and audio. A count that is not given is 0; none may be above 10^12.',
  fields: (t) => ({
    id: t.string({
      description:
        'Your own id of the event, at most 255 characters. An id is recorded once: a repeat with the same body returns the ' +
        'first record, and another body is refused. Defaults are the same given or left out. Default: a new id.',
    }),
    provider: t.string({
      required: true,
      description: 'Stored trimmed, in lower case and by its usual name: `OpenAI` is `openai`.',
    }),
    model: t.string({
      description:
        'Stored trimmed and in lower case. Required, unless `usage` is a response body that names the model.',
    }),
    // Not made in a loop: the input's type is inferred from its fields' names.
    ...({
      inputTokens: t.field({
        type: 'SafeInt',
        description: 'All input tokens, cache reads and writes included. Required, unless `usage` is given.',
      }),
      outputTokens: t.field({
        type: 'SafeInt',
        description: 'All output tokens, reasoning included. Required, unless `usage` is given.',
      }),
      cacheReadTokens: t.field({ type: 'SafeInt', description: 'The part of `inputTokens` read from a cache.' }),
      cacheWriteTokens: t.field({
        type: 'SafeInt',
        description: 'The part of `inputTokens` written to a cache, whatever its lifetime.',
      }),
      cacheWrite1hTokens: t.field({
        type: 'SafeInt',
        description: 'The part of `cacheWriteTokens` that the cache keeps for one hour.',
      }),
      reasoningTokens: t.field({ type: 'SafeInt', description: 'The part of `outputTokens` used for reasoning.' }),
      inputAudioTokens: t.field({ type: 'SafeInt', description: 'The part of `inputTokens` that is audio.' }),
      outputAudioTokens: t.field({ type: 'SafeInt', description: 'The part of `outputTokens` that is audio.' }),
      webSearches: t.field({ type: 'SafeInt', description: 'Number of web searches.' }),
    } satisfies Record<UsageCount, unknown>),
    usage: t.field({
      type: 'JSON',
      description: "The provider's own usage object, or its whole response body, unchanged. It replaces the counts.",
    }),
    units: t.field({
      type: 'JSON',
      description: UNITS_DESCRIPTION,
    }),
    responseId: t.string({
      description:
        "The provider's own id of the answer, at most 255 characters. One answer is one event: a later event with the " +
        'same id returns the first record, whatever else it says. Default: the id that `usage` names.',
    }),
    serviceTier: t.string({ description: 'Default: the tier that `usage` names, else `standard`.' }),
    timestamp: t.field({
      type: 'DateTime',
      description:
        'When the request happened: from 1970 to 5 minutes after now, and within the retention. Default: now.',
    }),
    teamId: t.id({ description: "Default: the API key's team, if it is bound to one." }),
    userId: t.string({ description: 'Your own id of the user; at most 255 characters.' }),
    tags: t.field({
      type: 'JSON',
      description:
        'An object with at most 32 string values, such as {"env": "prod"}. Keys have at most 64 characters, values at ' +
        'most 255.',
    }),
    metadata: t.field({
      type: 'JSON',
      description: 'Any object of at most 16,384 bytes as JSON. It is stored and returned, and never interpreted.',
    }),
    holdId: t.id({ description: 'The hold that this event settles, also after it has expired.' }),
    requireCredits: t.boolean({
      description: 'Whether the event is refused where prepaid credits do not cover its cost; default false.',
    }),
    cost: t.field({
      type: 'Decimal',
      description: 'What the request cost in USD, if you know it. It takes precedence over the computed cost.',
    }),
  }),
});

export const RecordUsageBatchInput = builder.inputType('RecordUsageBatchInput', {
  fields: (t) => ({ events: t.field({ type: [UsageEventInput], required: true, description: '1 to 1,000 events.' }) }),
});

const TagFilter = builder.inputType('TagFilter', {
  description: 'A tag that an event must carry: its key and its value.',
  fields: (t) => ({ key: t.string({ required: true }), value: t.string({ required: true }) }),
});

export const UsageFilterInput = builder.inputType('UsageFilter', {
  description: 'Which events count: those that match every field given here. An empty string is refused.',
  fields: (t) => ({
    provider: t.string({ description: 'Only events of this provider, in any spelling that recording takes.' }),
    model: t.string({ description: 'Only events of this model; upper and lower case are the same.' }),
    teamId: t.id({ description: 'Only events of this team.' }),
    userId: t.string({ description: 'Only events of this user.' }),
    apiKeyId: t.id({ description: 'Only events that this API key recorded.' }),
    memberId: t.id({ description: 'Only events that API keys of this member of a team recorded.' }),
    serviceTier: t.string({ description: 'Only events of this service tier.' }),
    tags: t.field({ type: [TagFilter], description: 'Only events that carry all of these tags.' }),
  }),
});

const DimensionEnum = builder.enumType('UsageDimension', {
  description: 'What usage can be grouped by. `TAG` needs the key of a tag.',
  values: Object.fromEntries(DIMENSIONS.map((name) => [name.toUpperCase(), { value: name }])) as Record<
    string,
    { value: DimensionName }
  >,
});

export const GroupByInput = builder.inputType('UsageGroupBy', {
  description: 'A dimension that usage is grouped by.',
  fields: (t) => ({
    dimension: t.field({ type: DimensionEnum, required: true }),
    key: t.string({ description: 'The key of the tag: required where the dimension is `TAG`, and refused elsewhere.' }),
  }),
});

/** Converts the argument `groupBy` to the dimensions of the domain; null where it is missing. */
export function readGroupBy(
  given: readonly { dimension: DimensionName; key?: string | null }[] | null | undefined,
): Dimension[] | null {
  return given?.map(({ dimension, key }) => ({ name: dimension, key: key ?? null })) ?? null;
}
