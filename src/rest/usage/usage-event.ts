import { graphql } from '../http/graphql.ts';

/** Every field of an event that REST answers with. */
export const usageEventFields = graphql(`
  fragment UsageEventFields on UsageEvent @_unmask {
    id eventId provider model serviceTier inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens
    cacheWrite1hTokens reasoningTokens inputAudioTokens outputAudioTokens webSearches requests timestamp recordedAt
    teamId userId apiKeyId tags metadata cost originalCost computedCost costSource priceId unpricedReason
    adjustments { at priceId costBefore costAfter reason }
    costBreakdown { unit model quantity unitPrice amount }
    warnings units responseId servedModel holdId voids voidReason voidedBy
  }
`);

/** Dimensions whose values are ids of what has a name. */
const NAMED = new Set(['team', 'api_key', 'member']);

/**
 * A group of GraphQL, a list, as REST has it, an object. The name of a team, key or member is `name`
 * beside its id; where a group is about more than one of them, `team_name` and so on.
 */
export function fromGroup(
  group: readonly { key: string; value: string | null; name: string | null }[],
): Record<string, string | null> {
  const isAlone = group.filter(({ key }) => NAMED.has(key)).length === 1;
  return Object.fromEntries(
    group.flatMap(({ key, value, name }) => [
      [key, value],
      ...(NAMED.has(key) ? [[isAlone ? 'name' : `${key}_name`, name]] : []),
    ]),
  );
}
