import { uuidFloor } from '../../../platform/ids.ts';
import { type AttoUsd, readNumeric } from '../../../platform/money.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { type Where, where } from '../../../platform/postgres/where.ts';
import type { JobInput } from '../../jobs/job.ts';
import { type CountColumn, countsOf, USAGE_COUNTS } from '../../pricing/price/usage-counts.ts';
import { reversingEventId } from '../adjust/mark-corrected.ts';
import type { PriceableEvent } from '../adjust/price-again.ts';
import type { UsageDetails } from '../event/usage-details.ts';
import type { CostSource } from '../event/usage-event.ts';

/** Rows of the ledger that one page reads, whatever of them is wanted. It bounds memory and the time of a statement. */
export const PAGE_ROWS = 2_000;
/** Series of a question that the database sorts out by itself; of more, the reader does. */
const MAX_LISTED_SERIES = 1_000;

/** An event as far as its price depends on it, and what it costs after all that changed its cost. */
export interface PricedLedgerEvent extends PriceableEvent {
  id: string;
  cost: AttoUsd | null;
  costSource: CostSource;
}

export interface LedgerPage {
  /** In the order of the ledger, without those that were voided. */
  events: PricedLedgerEvent[];
  /** The last id of the ledger that the page has come to. */
  place: string;
}

interface Series {
  id: number;
  provider: string;
  model: string;
  service_tier: string;
}

interface Row extends Record<CountColumn, number> {
  id: string;
  series_id: number;
  cost: string | null;
  cost_source: CostSource;
  unpriced_reason: string | null;
  details: UsageDetails | null;
  adjusts_id: string | null;
}

const COUNTS = USAGE_COUNTS.map(({ column }) => `e.${column}`).join(', ');
const END = `
  SELECT e.id FROM usage_events e WHERE e.organization_id = $1 AND e.id > $2 AND e.id < $3
   ORDER BY e.organization_id, e.id OFFSET ${PAGE_ROWS - 1} LIMIT 1`;
const ROWS = `
  SELECT e.id, e.series_id, e.cost, e.cost_source, e.unpriced_reason, e.details, e.adjusts_id, ${COUNTS}
    FROM usage_events e WHERE e.organization_id = $1 AND e.id > $2 AND e.id <= $3 AND e.voids_id IS NULL
     AND ($4::int[] IS NULL OR e.series_id = ANY ($4))
   ORDER BY e.organization_id, e.id`;
// The event id of a reversing row is made of the id of its event, and sorts as that does.
const VOIDED = `
  SELECT e.voids_id FROM usage_events e WHERE e.organization_id = $1 AND e.event_id > $2 AND e.event_id <= $3`;

/** The tenant wall of the series that a question is about. */
function whereSeries(organizationId: string, { provider, model, teamId }: JobInput): Where {
  let own = where('organization_id = $?', organizationId);
  if (provider !== null) own = own.and('provider = $?', provider);
  if (model !== null) own = own.and('model = $?', model);
  return teamId === null ? own : own.and('team_id = $?', teamId);
}

/** An adjustment lies behind its event, before whatever else has that time and those random bits. */
function behind(id: string): string {
  return `${id.slice(0, 19)}bfff-ffffffffffff`;
}

function timeMsOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Reads the events of a question, page by page. */
export interface LedgerReader {
  /** The page after a place; null: the first. Null where nothing is left. */
  readPage(sql: Sql, after: string | null): Promise<LedgerPage | null>;
}

/**
 * A reader of the events of an organization in a range of time, in the order of the ledger. All of a page
 * must be read in one snapshot. An event costs what it does after its adjustments.
 */
export function createLedgerReader(organizationId: string, input: JobInput): LedgerReader {
  const series = new Map<number, Series | null>();
  const isFiltered = input.provider !== null || input.model !== null || input.teamId !== null;
  const endId = uuidFloor(input.endMs);
  let listed: number[] | null = null;
  let isOpen = false;

  async function open(sql: Sql): Promise<void> {
    isOpen = true;
    if (!isFiltered) return;
    const { text, values } = whereSeries(organizationId, input);
    const limit = MAX_LISTED_SERIES + 1;
    const { rows } = await sql.query<{ id: number }>(
      `SELECT id FROM usage_series WHERE ${text} LIMIT ${limit}`,
      values,
    );
    if (rows.length < limit) listed = rows.map(({ id }) => id);
  }

  /** Series that are met first; those that the question is not about are null. */
  async function learnSeries(sql: Sql, rows: readonly Row[]): Promise<void> {
    const unknown = [...new Set(rows.map((row) => row.series_id))].filter((id) => !series.has(id));
    if (unknown.length === 0) return;
    for (const id of unknown) series.set(id, null);
    const { text, values } = whereSeries(organizationId, input).and('id = ANY ($?::int[])', unknown);
    const query = `SELECT id, provider, model, service_tier FROM usage_series WHERE ${text}`;
    for (const one of (await sql.query<Series>(query, values)).rows) series.set(one.id, one);
  }

  function readEvent(row: Row, { provider, model, service_tier: serviceTier }: Series): PricedLedgerEvent {
    return {
      ...countsOf({
        inputTokens: row.input_tokens,
        outputTokens: row.output_tokens,
        cacheReadTokens: row.cache_read_tokens,
        cacheWriteTokens: row.cache_write_tokens,
        cacheWrite1hTokens: row.cache_write_1h_tokens,
        reasoningTokens: row.reasoning_tokens,
        inputAudioTokens: row.input_audio_tokens,
        outputAudioTokens: row.output_audio_tokens,
        webSearches: row.web_searches,
      }),
      id: row.id,
      organizationId,
      provider,
      model,
      serviceTier,
      timeMs: timeMsOf(row.id),
      details: row.details,
      unpricedReason: row.unpriced_reason,
      cost: row.cost === null ? null : readNumeric(row.cost),
      costSource: row.cost_source,
    };
  }

  return {
    async readPage(sql, after) {
      if (!isOpen) await open(sql);
      const from = after ?? uuidFloor(input.startMs);
      if (from >= endId) return null;
      const { rows: ends } = await sql.query<{ id: string }>(END, [organizationId, from, endId]);
      const place = ends[0]?.id ?? endId;
      const { rows } = await sql.query<Row>(ROWS, [organizationId, from, behind(place), listed]);
      const voided = [organizationId, reversingEventId(from), reversingEventId(place)];
      const { rows: reversals } = await sql.query<{ voids_id: string }>(VOIDED, voided);
      await learnSeries(sql, rows);
      const gone = new Set(reversals.map((row) => row.voids_id));
      const events = new Map<string, PricedLedgerEvent>();
      for (const row of rows) {
        const adjusted = row.adjusts_id === null ? undefined : events.get(row.adjusts_id);
        if (adjusted) adjusted.cost = (adjusted.cost ?? 0n) + readNumeric(row.cost ?? '0');
        const its = series.get(row.series_id);
        if (row.adjusts_id !== null || row.id > place || gone.has(row.id) || !its) continue;
        events.set(row.id, readEvent(row, its));
      }
      return { events: [...events.values()], place };
    },
  };
}
