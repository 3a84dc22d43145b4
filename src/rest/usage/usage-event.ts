import { graphql } from '../http/graphql.ts';

/** Every field of an event that REST answers with. */
export const usageEventFields = graphql(`
  fragment UsageEventFields on UsageEvent @_unmask {
    id eventId provider model serviceTier inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens
    cacheWrite1hTokens reasoningTokens inputAudioTokens outputAudioTokens webSearches requests timestamp recordedAt
    teamId userId apiKeyId tags metadata cost computedCost costSource priceId unpricedReason
    costBreakdown { unit quantity unitPrice amount }
    warnings holdId voids voidReason voidedBy
  }
`);

/** A group of GraphQL, a list, as REST has it, an object. */
export function fromGroup(group: readonly { key: string; value: string | null }[]): Record<string, string | null> {
  return Object.fromEntries(group.map(({ key, value }) => [key, value]));
}
