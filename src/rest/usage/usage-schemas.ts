import { z } from '@hono/zod-openapi';
import { USAGE_LIMITS } from '../../domain/input/limits.ts';
import { COST_SOURCES } from '../../domain/usage/event/usage-event.ts';
import { BATCH_STATUSES } from '../../domain/usage/record-usage-batch.ts';
import { INTERVALS } from '../../domain/usage/summarize-usage.ts';
import {
  count,
  decimal,
  decimalInput,
  errorEnvelope,
  oneOf,
  queryInteger,
  signedCount,
  time,
  timeZone,
} from '../http/schemas.ts';

const EXAMPLE = {
  id: 'my-unique-id',
  provider: 'openai',
  model: 'gpt-4o',
  input_tokens: 1000,
  output_tokens: 500,
  user_id: 'u-42',
  tags: { env: 'prod', feature: 'chat' },
};

/** A usage event as a caller writes it. What it means is the domain's to check. */
export const usageEventInput = z
  .strictObject({
    id: z.string().nullish().openapi({ description: 'Your own id: makes a repeat harmless for ever.' }),
    provider: z.string().openapi({ example: 'openai' }),
    model: z.string().nullish().openapi({ example: 'gpt-4o' }),
    input_tokens: count.nullish().openapi({ description: 'All input, cache reads and writes included.' }),
    output_tokens: count.nullish().openapi({ description: 'All output, reasoning included.' }),
    cache_read_tokens: count.nullish(),
    cache_write_tokens: count.nullish(),
    cache_write_1h_tokens: count.nullish().openapi({ description: 'The part of cache_write_tokens kept for an hour.' }),
    reasoning_tokens: count.nullish(),
    input_audio_tokens: count.nullish(),
    output_audio_tokens: count.nullish(),
    web_searches: count.nullish(),
    usage: z
      .unknown()
      .optional()
      .openapi({ type: 'object', description: "The provider's own usage object or response body, instead of counts." }),
    service_tier: z.string().nullish(),
    timestamp: time.nullish(),
    team_id: z.string().nullish(),
    user_id: z.string().nullish(),
    tags: z.record(z.string(), z.string()).nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
    hold_id: z.string().nullish().openapi({ description: 'The hold that this event settles.' }),
    require_credits: z.boolean().nullish(),
    cost: decimalInput.nullish().openapi({ description: 'What it really cost, in USD: wins over the computed price.' }),
  })
  .openapi('UsageEventInput', { example: EXAMPLE });

/** The body of `POST /v1/usage`, for the document: the route checks the items of a batch one by one. */
export const recordUsageBody = z.union([
  usageEventInput,
  z
    .strictObject({ events: z.array(usageEventInput).min(1).max(USAGE_LIMITS.batchEvents) })
    .openapi('UsageBatchInput', { example: { events: [EXAMPLE] } }),
]);

const costLine = z
  .object({ unit: z.string(), quantity: signedCount, unit_price: decimal, amount: decimal })
  .openapi('CostBreakdownLine');

const costFields = {
  cost: decimal.nullable(),
  computed_cost: decimal.nullable(),
  cost_source: z.enum(COST_SOURCES),
  price_id: z.string().nullable(),
  unpriced_reason: z.string().nullable(),
  cost_breakdown: z.array(costLine),
};

export const usageEvent = z
  .object({
    id: z.string().openapi({ example: 'usage_01h455vb4pex5vsknk084sn02q' }),
    event_id: z.string(),
    provider: z.string(),
    model: z.string(),
    service_tier: z.string(),
    input_tokens: signedCount,
    output_tokens: signedCount,
    total_tokens: signedCount,
    cache_read_tokens: signedCount,
    cache_write_tokens: signedCount,
    cache_write_1h_tokens: signedCount,
    reasoning_tokens: signedCount,
    input_audio_tokens: signedCount,
    output_audio_tokens: signedCount,
    web_searches: signedCount,
    requests: signedCount,
    timestamp: time,
    recorded_at: time,
    team_id: z.string().nullable(),
    user_id: z.string().nullable(),
    api_key_id: z.string(),
    tags: z.record(z.string(), z.string()),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    ...costFields,
    warnings: z.array(z.string()),
    hold_id: z.string().nullable(),
    voids: z.string().nullable(),
    void_reason: z.string().nullable(),
  })
  .openapi('UsageEvent');

export const costEstimate = z
  .object({ provider: z.string(), model: z.string(), service_tier: z.string(), ...costFields })
  .openapi('CostEstimate');

export const batchResult = z
  .object({
    data: z.array(
      z.object({
        index: count,
        status: z.enum(BATCH_STATUSES),
        id: z.string().nullable(),
        cost: decimal.nullable(),
        error: errorEnvelope.shape.error.nullable(),
      }),
    ),
    created: count,
    duplicates: count,
    conflicts: count,
    invalid: count,
  })
  .openapi('UsageBatchResult');

/** The filters of every question about usage; `tag.KEY=value` comes as `tags`. */
export const filterQuery = {
  provider: z.string().optional(),
  model: z.string().optional(),
  team_id: z.string().optional(),
  user_id: z.string().optional(),
  api_key_id: z.string().optional(),
  service_tier: z.string().optional(),
  tags: z
    .array(z.object({ key: z.string(), value: z.string() }))
    .optional()
    .openapi({ type: 'string', description: 'Only events whose tag KEY has this value, such as `tag.env=prod`.' }),
};

const DIMENSION = /^(provider|model|team|user|api_key|service_tier|tag:.+)$/;
const DIMENSION_MESSAGE = 'must be of provider, model, team, user, api_key, service_tier, tag:KEY';

export const groupByQuery = z
  .array(z.string().regex(DIMENSION, DIMENSION_MESSAGE))
  .optional()
  .openapi({ description: `Up to three, comma-separated: ${DIMENSION_MESSAGE.slice(8)}.`, example: ['model'] });

export const groupLimitQuery = queryInteger(1, 1_000).optional();

export const usageQuery = z.strictObject({
  start: time.optional(),
  end: time.optional(),
  timezone: timeZone.optional(),
  interval: oneOf(INTERVALS).optional(),
  group_by: groupByQuery,
  limit: groupLimitQuery,
  ...filterQuery,
});

const sums = {
  requests: signedCount,
  input_tokens: signedCount,
  output_tokens: signedCount,
  total_tokens: signedCount,
  cache_read_tokens: signedCount,
  cache_write_tokens: signedCount,
  reasoning_tokens: signedCount,
  cost: decimal,
  unpriced_requests: signedCount,
};

/** `{"model": "gpt-4o", "tag:env": "prod"}` */
export const group = z.record(z.string(), z.string().nullable()).openapi({ example: { model: 'gpt-4o' } });

export const usageSummary = z
  .object({
    start: time,
    end: time,
    timezone: z.string(),
    interval: z.enum(INTERVALS),
    group_by: z.array(z.string()),
    totals: z.object(sums),
    data: z.array(z.object({ start: time, end: time, group, other: z.boolean(), ...sums })),
  })
  .openapi('UsageSummary');
