import { plainDecimal } from '../../../platform/money.ts';
import type { Tags } from '../../input/read-tags.ts';
import { type CountColumn, USAGE_COUNTS } from '../../pricing/price/usage-counts.ts';
import type { UsageDetails } from './usage-details.ts';
import type { CostSource, UsageEvent } from './usage-event.ts';

interface Row extends Record<CountColumn, number> {
  organization_id: string;
  id: string;
  event_id: string;
  time: Date;
  recorded_at: Date;
  provider: string;
  model: string;
  service_tier: string;
  team_id: string | null;
  api_key_id: string;
  user_id: string | null;
  tags: Tags | null;
  metadata: unknown;
  requests: number;
  cost: string | null;
  computed_cost: string | null;
  cost_source: CostSource;
  price_id: string | null;
  unpriced_reason: string | null;
  warnings: string[] | null;
  details: UsageDetails | null;
  hold_id: string | null;
  voids_id: string | null;
  void_reason: string | null;
  adjusts_id: string | null;
}

export type UsageEventRow = Row;

const COUNT_COLUMNS = USAGE_COUNTS.map(({ column }) => `e.${column}`).join(', ');

/** The columns of a row, for a query that joins `e` (usage_events) and `s` (usage_series). */
export const USAGE_EVENT_COLUMNS = `
  e.organization_id, e.id, e.event_id, e.time, e.recorded_at, s.provider, s.model, s.service_tier, s.team_id,
  s.api_key_id, e.user_id, e.tags, e.metadata, e.requests, ${COUNT_COLUMNS}, e.cost, e.computed_cost,
  e.cost_source, e.price_id, e.unpriced_reason, e.warnings, e.details, e.hold_id, e.voids_id, e.void_reason,
  e.adjusts_id`;

/** The join that the columns above need. */
export const USAGE_EVENT_TABLES = `
  usage_events e JOIN usage_series s ON s.organization_id = e.organization_id AND s.id = e.series_id`;

/**
 * The same join for events that are found by a key: one probe of an index for each, and one for its
 * series. A plan that was made while the tables were small would rather read all that the
 * organization has.
 * @param keys SQL of a list of keys, `of`, or empty for one event
 * @param condition SQL that finds one event, `e`, by its organization and another column
 */
export function usageEventsBy(keys: string, condition: string): string {
  const found = `(SELECT * FROM usage_events e WHERE ${condition} LIMIT 1) e`;
  return `${keys === '' ? found : `${keys} CROSS JOIN LATERAL ${found}`}
    CROSS JOIN LATERAL (
      SELECT * FROM usage_series s WHERE s.organization_id = e.organization_id AND s.id = e.series_id LIMIT 1) s`;
}

/**
 * A row of the ledger as an event in its normal form. A literal, as in `normalizeUsage`: events of
 * both have one hidden class, and the type makes a missing field a compile error.
 */
export function readUsageEvent(row: UsageEventRow): UsageEvent {
  return {
    id: row.id,
    organizationId: row.organization_id,
    eventId: row.event_id,
    timeMs: row.time.getTime(),
    recordedAtMs: row.recorded_at.getTime(),
    provider: row.provider,
    model: row.model,
    serviceTier: row.service_tier,
    teamId: row.team_id,
    apiKeyId: row.api_key_id,
    userId: row.user_id,
    tags: row.tags ?? {},
    metadata: row.metadata,
    requests: row.requests,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    cacheWrite1hTokens: row.cache_write_1h_tokens,
    reasoningTokens: row.reasoning_tokens,
    inputAudioTokens: row.input_audio_tokens,
    outputAudioTokens: row.output_audio_tokens,
    webSearches: row.web_searches,
    cost: plainDecimal(row.cost),
    computedCost: plainDecimal(row.computed_cost),
    costSource: row.cost_source,
    priceId: row.price_id,
    unpricedReason: row.unpriced_reason,
    warnings: row.warnings ?? [],
    details: row.details,
    holdId: row.hold_id,
    voidsId: row.voids_id,
    voidReason: row.void_reason,
    adjustsId: row.adjusts_id,
    voidedById: null,
    adjustments: null,
  };
}
