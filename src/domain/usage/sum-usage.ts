import { plainArray } from '../../platform/array-literal.ts';
import type { TimeSpan } from '../../platform/calendar.ts';
import { uuidFloor } from '../../platform/ids.ts';
import { parseMoney } from '../../platform/money.ts';
import type { Context } from '../context.ts';
import { type Grain, splitSpan } from './split-span.ts';
import { type Dimension, dimensionColumn, formatDimensionValue, needsEvents } from './usage-dimension.ts';
import { type UsageFilter, whereUsage } from './usage-filter.ts';
import { SUM_COLUMNS, type UsageSums } from './usage-sums.ts';

export interface SumQuestion {
  /** Disjoint; each is summed on its own. */
  spans: readonly TimeSpan[];
  dimensions: readonly Dimension[];
  filter: UsageFilter;
  /** So many groups by cost over all spans; the rest become one. */
  limit: number;
}

/** The sums of one group in one span. */
export interface SumGroup extends UsageSums {
  /** Index into `spans`. */
  span: number;
  /** In the order of `dimensions`; all null where `other`. */
  values: (string | null)[];
  /** The groups beyond the limit, in one. */
  other: boolean;
}

interface Row extends Record<string, unknown> {
  span: number;
  groups: (string | null)[];
  other: boolean;
  requests: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  cost: string;
  unpriced_requests: number;
}

const TABLES: Record<Grain, string> = { event: 'usage_events', quarterHour: 'usage_quarter_hours', day: 'usage_days' };
const EVENT_SUMS = SUM_COLUMNS.map((column) => {
  if (column === 'unpriced_requests') return 'sum(e.requests) FILTER (WHERE e.cost IS NULL) AS unpriced_requests';
  return `sum(e.${column}) AS ${column}`;
}).join(', ');
const ROLLUP_SUMS = SUM_COLUMNS.map((column) => `sum(e.${column}) AS ${column}`).join(', ');
const OUTER_SUMS = SUM_COLUMNS.map((column) =>
  column === 'cost' ? 'coalesce(sum(cost), 0) AS cost' : `coalesce(sum(${column}), 0)::bigint AS ${column}`,
).join(', ');

interface Piece extends TimeSpan {
  span: number;
}

function splitAll(spans: readonly TimeSpan[], eventsOnly: boolean): Map<Grain, Piece[]> {
  const pieces = new Map<Grain, Piece[]>();
  spans.forEach((whole, span) => {
    const parts = eventsOnly ? [{ grain: 'event' as const, ...whole }] : splitSpan(whole);
    for (const { grain, startMs, endMs } of parts) {
      const list = pieces.get(grain) ?? [];
      list.push({ span, startMs, endMs });
      pieces.set(grain, list);
    }
  });
  return pieces;
}

function readRow(row: Row, dimensions: readonly Dimension[]): SumGroup {
  const cost = parseMoney(row.cost);
  if (cost === null) throw new Error(`the database summed to no money: ${row.cost}`);
  return {
    span: row.span,
    values: dimensions.map((dimension, i) => formatDimensionValue(dimension, row.groups[i] ?? null)),
    other: row.other,
    requests: row.requests,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    reasoningTokens: row.reasoning_tokens,
    cost,
    unpricedRequests: row.unpriced_requests,
  };
}

/**
 * Sums usage by span and group, from the coarsest rows that tile the spans exactly: whole UTC days, then quarter
 * hours, then single events. Users and tags are on the events only. Sorted by span, then by rank, `other` last;
 * groups without usage in a span are left out.
 */
export async function sumUsage({ caller, resources }: Context, question: SumQuestion): Promise<SumGroup[]> {
  const { dimensions, filter, spans, limit } = question;
  const where = whereUsage(caller, filter);
  const { values, conditions } = where;
  const columns = dimensions.map((dimension) => dimensionColumn(dimension, values));
  const groups = `ARRAY[${columns.join(', ')}]::text[]`;
  const pieces = splitAll(spans, where.needsEvents || dimensions.some(needsEvents));
  const sources: string[] = [];
  for (const [grain, parts] of pieces) {
    const isEvent = grain === 'event';
    const bound = (timeMs: number) => (isEvent ? uuidFloor(timeMs) : `"${new Date(timeMs).toISOString()}"`);
    const type = isEvent ? 'uuid[]' : 'timestamptz[]';
    values.push(plainArray(parts.map(({ startMs }) => bound(startMs))));
    values.push(plainArray(parts.map(({ endMs }) => bound(endMs))));
    values.push(plainArray(parts.map(({ span }) => span)));
    const n = values.length;
    const column = isEvent ? 'id' : 'bucket';
    sources.push(`
      SELECT p.span, ${groups} AS groups, ${isEvent ? EVENT_SUMS : ROLLUP_SUMS}
        FROM unnest($${n - 2}::${type}, $${n - 1}::${type}, $${n}::int[]) AS p(first, last, span)
        JOIN ${TABLES[grain]} e ON e.organization_id = $1 AND e.${column} >= p.first AND e.${column} < p.last
        JOIN usage_series s ON s.id = e.series_id
       WHERE ${conditions.join(' AND ')}
       GROUP BY 1, 2`);
  }
  values.push(limit);
  const { rows } = await resources.database.pool.query<Row>(
    `WITH parts AS (${sources.join(' UNION ALL ')}),
     merged AS (SELECT span, groups, ${OUTER_SUMS} FROM parts GROUP BY span, groups),
     weighed AS (
       SELECT *, sum(cost) OVER same AS all_cost, sum(input_tokens + output_tokens) OVER same AS all_tokens,
              sum(requests) OVER same AS all_requests
         FROM merged WINDOW same AS (PARTITION BY groups)),
     ranked AS (
       SELECT *, dense_rank() OVER (ORDER BY all_cost DESC, all_tokens DESC, all_requests DESC, groups) AS rank
         FROM weighed)
     SELECT span, CASE WHEN rank <= $${values.length} THEN groups ELSE '{}' END AS groups,
            rank > $${values.length} AS other, ${OUTER_SUMS}
       FROM ranked GROUP BY 1, 2, 3 ORDER BY span, other, min(rank)`,
    values,
  );
  return rows.map((row) => readRow(row, dimensions));
}
