import type { z } from '@hono/zod-openapi';
import { graphql } from '../http/graphql.ts';
import type { filterQuery, usageEventInput } from './usage-schemas.ts';

type Filters = { [K in keyof typeof filterQuery]?: z.output<(typeof filterQuery)[K]> };
type EventInput = z.output<typeof usageEventInput>;

/** The filter of a question, from the query's parameters. */
export function toFilter(query: Filters) {
  return {
    provider: query.provider,
    model: query.model,
    teamId: query.team_id,
    userId: query.user_id,
    apiKeyId: query.api_key_id,
    serviceTier: query.service_tier,
    tags: query.tags,
  };
}

const DIMENSIONS = {
  provider: 'PROVIDER',
  model: 'MODEL',
  team: 'TEAM',
  user: 'USER',
  api_key: 'API_KEY',
  service_tier: 'SERVICE_TIER',
} as const;

function isPlainDimension(name: string): name is keyof typeof DIMENSIONS {
  return Object.hasOwn(DIMENSIONS, name);
}

/** `["model", "tag:env"]` as GraphQL has it. */
export function toGroupBy(names: string[] | undefined) {
  return names?.map((name) =>
    isPlainDimension(name)
      ? { dimension: DIMENSIONS[name] }
      : { dimension: 'TAG' as const, key: name.slice('tag:'.length) },
  );
}

/** A group of GraphQL, a list, as REST has it, an object. */
export function fromGroup(group: readonly { key: string; value: string | null }[]): Record<string, string | null> {
  return Object.fromEntries(group.map(({ key, value }) => [key, value]));
}

/** An event as GraphQL takes it. */
export function toUsageInput(body: EventInput) {
  return {
    id: body.id,
    provider: body.provider,
    model: body.model,
    inputTokens: body.input_tokens,
    outputTokens: body.output_tokens,
    cacheReadTokens: body.cache_read_tokens,
    cacheWriteTokens: body.cache_write_tokens,
    cacheWrite1hTokens: body.cache_write_1h_tokens,
    reasoningTokens: body.reasoning_tokens,
    inputAudioTokens: body.input_audio_tokens,
    outputAudioTokens: body.output_audio_tokens,
    webSearches: body.web_searches,
    usage: body.usage,
    serviceTier: body.service_tier,
    timestamp: body.timestamp,
    teamId: body.team_id,
    userId: body.user_id,
    tags: body.tags,
    metadata: body.metadata,
    holdId: body.hold_id,
    requireCredits: body.require_credits,
    cost: body.cost,
  };
}

/** Every field of an event that REST answers with. */
export const usageEventFields = graphql(`
  fragment UsageEventFields on UsageEvent @_unmask {
    id eventId provider model serviceTier inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens
    cacheWrite1hTokens reasoningTokens inputAudioTokens outputAudioTokens webSearches requests timestamp recordedAt
    teamId userId apiKeyId tags metadata cost computedCost costSource priceId unpricedReason
    costBreakdown { unit quantity unitPrice amount }
    warnings holdId voids voidReason
  }
`);

/** GraphQL's enum names in REST's lower case. */
export function lowerCase<T extends string>(name: T): Lowercase<T> {
  return name.toLowerCase() as Lowercase<T>;
}

/** REST's enum words as GraphQL's names. */
export function toUpperCase<T extends string>(word: T): Uppercase<T> {
  return word.toUpperCase() as Uppercase<T>;
}

/** An event of GraphQL as REST has it. */
export function fromUsageEvent<T extends { cost_source: string }>(event: T) {
  return { ...event, cost_source: lowerCase(event.cost_source) };
}
