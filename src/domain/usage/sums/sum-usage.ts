import type { TimeSpan } from '../../../platform/calendar.ts';
import { invalidField } from '../../../platform/errors.ts';
import { uuidFloor } from '../../../platform/ids.ts';
import { parseMoney } from '../../../platform/money.ts';
import { plainArray } from '../../../platform/postgres/array-literal.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { DAY_MS, QUARTER_HOUR_MS } from '../../../platform/time.ts';
import type { Context } from '../../context.ts';
import { SUMMED_COUNTS } from '../../pricing/price/usage-counts.ts';
import { type UsageFilter, type UsageWhere, whereUsage } from '../event/usage-filter.ts';
import { type Grain, splitSpan } from './split-span.ts';
import { type Dimension, dimensionColumn, formatDimensionValue, needsEvents } from './usage-dimension.ts';
import { SUM_COLUMNS, type SumColumn, type UsageSums, zeroSums } from './usage-sums.ts';

const RETIRED_MESSAGE =
  'is before the retention cutoff; there, ranges must start and end on a quarter hour (on a UTC day when filtered or grouped by user or tag)';

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

interface Row extends Record<Exclude<SumColumn, 'cost'>, number> {
  span: number;
  groups: (string | null)[];
  other: boolean;
  cost: string;
}

type Source = Grain | 'attributionDay' | 'unfolded';

const TABLES: Readonly<Record<Source, string>> = {
  event: 'usage_events',
  quarterHour: 'usage_quarter_hours',
  day: 'usage_days',
  attributionDay: `(SELECT d.*, a.user_id, a.tags FROM usage_attribution_days d JOIN usage_attributions a
    ON a.organization_id = d.organization_id AND a.id = d.attribution_id)`,
  unfolded: 'unfolded',
};
const MOST = Number.MAX_SAFE_INTEGER;
// Counts on the wire end at 2^53-1: a sum beyond stays there, and never takes the whole answer down.
const PIECE_SUMS = SUM_COLUMNS.map((column) => `sum(r.${column}) AS ${column}`).join(', ');
const ANY_SUM = SUM_COLUMNS.map((column) => `sum(${column}) <> 0`).join(' OR ');
const OUTER_SUMS = SUM_COLUMNS.map((column) => {
  if (column === 'cost') return 'coalesce(sum(cost), 0) AS cost';
  return `least(greatest(coalesce(sum(${column}), 0), -${MOST}), ${MOST})::bigint AS ${column}`;
}).join(', ');

/** What is read of one source: ranges of time, each once, and the spans that each is added to or taken off. */
interface Reading {
  ranges: TimeSpan[];
  /** `range`: its place, from 1. */
  uses: { range: number; span: number; sign: 1 | -1 }[];
}

/** Where each piece of each span is read from. Users and tags are on events and on the days folded from them. */
function readAll(spans: readonly TimeSpan[], byAttribution: boolean): Map<Source, Reading> {
  const readings = new Map<Source, Reading>();
  const places = new Map<string, number>();
  const add = (source: Source, { startMs, endMs }: TimeSpan, use: { span: number; sign: 1 | -1 }) => {
    const reading = readings.get(source) ?? { ranges: [], uses: [] };
    readings.set(source, reading);
    const name = `${source} ${startMs} ${endMs}`;
    const range = places.get(name) ?? reading.ranges.push({ startMs, endMs });
    places.set(name, range);
    reading.uses.push({ range, ...use });
  };
  spans.forEach((whole, span) => {
    for (const { grain, sign, ...range } of splitSpan(whole)) {
      const use = { span, sign };
      if (!byAttribution) add(grain, range, use);
      else if (grain !== 'day') add('event', range, use);
      else {
        add('attributionDay', range, use);
        add('unfolded', range, use);
      }
    }
  });
  return readings;
}

function readRow(row: Row, dimensions: readonly Dimension[]): SumGroup {
  const cost = parseMoney(row.cost);
  if (cost === null) throw new Error(`the database summed to no money: ${row.cost}`);
  const sums = { ...zeroSums(), requests: row.requests, cost, unpricedRequests: row.unpriced_requests };
  for (const { field, column } of SUMMED_COUNTS) sums[field] = row[column];
  const values = dimensions.map((dimension, i) => formatDimensionValue(dimension, row.groups[i] ?? null));
  return { ...sums, span: row.span, values, other: row.other };
}

/** The sums of one source's rows: of events, unpriced requests are those without a cost. */
function sumsSql(isEvent: boolean, sign: string): string {
  return SUM_COLUMNS.map((column) => {
    if (column === 'unpriced_requests' && isEvent) {
      return `sum(e.requests${sign}) FILTER (WHERE e.cost IS NULL) AS unpriced_requests`;
    }
    return `sum(e.${column}${sign}) AS ${column}`;
  }).join(', ');
}

/**
 * The SQL of one source: its ranges read from its table, filtered, grouped, added to the spans that use them. Pushes
 * the values it refers to.
 */
function sourceSql(source: Source, { ranges, uses }: Reading, groups: string, where: UsageWhere): string {
  const { values, conditions } = where;
  const isEvent = source === 'event' || source === 'unfolded';
  const push = (list: readonly (string | number)[]) => `$${values.push(plainArray(list))}`;
  const bound = (timeMs: number) => (isEvent ? uuidFloor(timeMs) : `"${new Date(timeMs).toISOString()}"`);
  const type = isEvent ? 'uuid[]' : 'timestamptz[]';
  const sums = sumsSql(isEvent, uses.some((use) => use.sign < 0) ? ' * u.sign' : '');
  const spans = push(uses.map(({ span }) => span));
  const signs = push(uses.map(({ sign }) => sign));
  if (source !== 'quarterHour' && source !== 'day') {
    const used = uses.map(({ range }) => ranges[range - 1] as TimeSpan);
    const firsts = push(used.map(({ startMs }) => bound(startMs)));
    const lasts = push(used.map(({ endMs }) => bound(endMs)));
    const column = isEvent ? 'id' : 'bucket';
    return `
    SELECT u.span, ${groups} AS groups, ${sums}
      FROM unnest(${firsts}::${type}, ${lasts}::${type}, ${spans}::int[], ${signs}::int[]) AS u(first, last, span, sign)
      JOIN ${TABLES[source]} e ON e.organization_id = $1 AND e.${column} >= u.first AND e.${column} < u.last
      JOIN usage_series s ON s.id = e.series_id
     WHERE ${conditions.join(' AND ')} GROUP BY 1, 2`;
  }
  // Each range is a range of the primary key, read once and added up by series number first: the texts that callers see
  // are made once a series, not once a row. OFFSET keeps the planner from reading all time and sorting it out after.
  const firsts = push(ranges.map(({ startMs }) => bound(startMs)));
  const lasts = push(ranges.map(({ endMs }) => bound(endMs)));
  const places = push(uses.map(({ range }) => range));
  const bucketMs = source === 'day' ? DAY_MS : QUARTER_HOUR_MS;
  const isLong = ranges.some(({ startMs, endMs }) => endMs - startMs > bucketMs);
  const rows = `FROM ${TABLES[source]} r WHERE r.organization_id = $1 AND r.bucket >= p.first AND r.bucket < p.last`;
  return `
    SELECT u.span, e.groups, ${sums}
      FROM (
        SELECT p.range, ${groups} AS groups, e.*
          FROM unnest(${firsts}::${type}, ${lasts}::${type}) WITH ORDINALITY AS p(first, last, range)
         CROSS JOIN LATERAL (
           SELECT ${isLong ? `r.organization_id, r.series_id, ${PIECE_SUMS} ${rows} GROUP BY 1, 2` : `* ${rows}`} OFFSET 0) e
         CROSS JOIN LATERAL (
           SELECT * FROM usage_series s WHERE s.organization_id = $1 AND s.id = e.series_id OFFSET 0) s
         WHERE ${conditions.join(' AND ')} OFFSET 0) e
      JOIN unnest(${places}::int[], ${spans}::int[], ${signs}::int[]) AS u(range, span, sign) ON u.range = e.range
     GROUP BY 1, 2`;
}

/** Events that the fold has not reached: few, and found by their place in the table. */
async function unfoldedSql(sql: Sql, where: UsageWhere): Promise<string> {
  const { rows } = await sql.query<{ position: number }>('SELECT position FROM usage_fold');
  where.values.push(rows[0]?.position ?? 0);
  return `unfolded AS MATERIALIZED (
    SELECT * FROM usage_events_after(organization => $1, after_position => $${where.values.length})),`;
}

/** Refuses what needs single events that retention has removed. */
async function requireUnretired(sql: Sql, organizationId: string, reading: Reading | undefined): Promise<void> {
  if (!reading) return;
  const { rows } = await sql.query<{ retired_before: Date | null }>(
    'SELECT retired_before FROM organizations WHERE id = $1',
    [organizationId],
  );
  const keptFrom = rows[0]?.retired_before?.getTime() ?? 0;
  if (reading.ranges.every(({ startMs }) => startMs >= keptFrom)) return;
  throw invalidField('start', RETIRED_MESSAGE);
}

/**
 * Sums usage by span and group, from the coarsest rows that make the spans up exactly: whole UTC days, then quarter
 * hours, then single events. By user or tag: from days folded by attribution, the events that the fold has not reached
 * yet, and single events around them; both are read in one snapshot. Sorted by span, then by rank, `other` last;
 * groups without usage in a span, or whose usage was all voided, are left out.
 *
 * @throws AppError invalid_request where it would take single events that retention has removed
 */
export async function sumUsage({ caller, resources }: Context, question: SumQuestion): Promise<SumGroup[]> {
  const { dimensions, filter, spans, limit } = question;
  const where = whereUsage(caller, filter);
  const { values } = where;
  const columns = dimensions.map((dimension) => dimensionColumn(dimension, values));
  const groups = `ARRAY[${columns.join(', ')}]::text[]`;
  const readings = readAll(spans, where.needsEvents || dimensions.some(needsEvents));

  async function run(sql: Sql): Promise<Row[]> {
    await requireUnretired(sql, caller.organization.id, readings.get('event'));
    const unfolded = readings.has('unfolded') ? await unfoldedSql(sql, where) : '';
    const sources = [...readings].map(([source, reading]) => sourceSql(source, reading, groups, where));
    values.push(limit);
    const n = values.length;
    const { rows } = await sql.query<Row>(
      `WITH ${unfolded} parts AS (${sources.join(' UNION ALL ')}),
       merged AS (SELECT span, groups, ${OUTER_SUMS} FROM parts GROUP BY span, groups HAVING ${ANY_SUM}),
       weighed AS (
         SELECT *, sum(cost) OVER same AS all_cost, sum(input_tokens + output_tokens) OVER same AS all_tokens,
                sum(requests) OVER same AS all_requests
           FROM merged WINDOW same AS (PARTITION BY groups)),
       ranked AS (
         SELECT *, dense_rank() OVER (ORDER BY all_cost DESC, all_tokens DESC, all_requests DESC, groups) AS rank
           FROM weighed)
       SELECT span, CASE WHEN rank <= $${n} THEN groups ELSE '{}' END AS groups, rank > $${n} AS other, ${OUTER_SUMS}
         FROM ranked GROUP BY 1, 2, 3 ORDER BY span, other, min(rank)`,
      values,
    );
    return rows;
  }

  const { database } = resources;
  // Whether single events are kept, and where the fold stands, must be as of the sums' own moment.
  const needsSnapshot = readings.has('unfolded') || readings.has('event');
  const rows = needsSnapshot ? await database.snapshot(run) : await run(database.pool);
  return rows.map((row) => readRow(row, dimensions));
}
