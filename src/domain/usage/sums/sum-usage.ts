import type { TimeSpan } from '../../../platform/calendar.ts';
import { invalidField } from '../../../platform/errors.ts';
import { uuidFloor } from '../../../platform/ids.ts';
import { readNumeric } from '../../../platform/money.ts';
import { plainArray } from '../../../platform/postgres/array-literal.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import type { Context } from '../../context.ts';
import { SUMMED_COUNTS } from '../../pricing/price/usage-counts.ts';
import { type UsageFilter, type UsageWhere, whereUsage } from '../event/usage-filter.ts';
import { readWithin } from './read-within.ts';
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

const TABLES: Readonly<Record<Exclude<Source, 'event' | 'unfolded'>, string>> = {
  quarterHour: 'usage_quarter_hours',
  day: 'usage_days',
  attributionDay: 'usage_attribution_days',
};
const MOST = Number.MAX_SAFE_INTEGER;
// Counts on the wire end at 2^53-1: a sum beyond stays there, and never takes the whole answer
// down.
const PIECE_SUMS = SUM_COLUMNS.map((column) => `sum(e.${column}) AS ${column}`).join(', ');
const ANY_SUM = SUM_COLUMNS.map((column) => `sum(${column}) <> 0`).join(' OR ');
const OUTER_SUMS = SUM_COLUMNS.map((column) => {
  if (column === 'cost') return 'coalesce(sum(cost), 0) AS cost';
  return `least(greatest(coalesce(sum(${column}), 0), -${MOST}), ${MOST})::bigint AS ${column}`;
}).join(', ');

/** Groups by what they cost over all spans, then by tokens and requests, then by name. */
const RANK = 'cost DESC, tokens DESC, requests DESC, groups';
/** The maximum number of rows, intervals times groups, in one answer. */
const MAX_ANSWER_ROWS = 100_000;
const TOO_MANY_ROWS =
  'gives more than 100,000 rows with these groups: take a longer interval, a shorter range, or a lower limit';
/**
 * Statistics of many tenants and users mislead the planner about each of them: a join that it
 * expects to have one row may have millions. Rows are found by keys (LATERAL), the rest is hashed.
 */
const READ_SETTINGS =
  'SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off';

/**
 * What is read of one source: ranges of time, each once, and the spans that each is added to or
 * taken off.
 */
interface Reading {
  ranges: TimeSpan[];
  /** `range`: its place, from 1. */
  uses: { range: number; span: number; sign: 1 | -1 }[];
}

/**
 * Where each piece of each span is read from. Users and tags are on events and on the days folded
 * from them.
 */
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
  const sums = {
    ...zeroSums(),
    requests: row.requests,
    cost: readNumeric(row.cost),
    unpricedRequests: row.unpriced_requests,
  };
  for (const { field, column } of SUMMED_COUNTS) sums[field] = row[column];
  const values = dimensions.map((dimension, i) => formatDimensionValue(dimension, row.groups[i] ?? null));
  return { ...sums, span: row.span, values, other: row.other };
}

/** What the caller asks of the rows: where they are from, and what they are grouped by. */
interface Asked {
  where: UsageWhere;
  /** Conditions on events and attributions, and on series. */
  own: string;
  ofSeries: string | null;
  /** The values of dimensions that are not of a series, in one array. */
  ownGroups: string;
  /** The values of all dimensions, of rows that have `own` (see above) and their series `s`. */
  groups: string;
}

/** The sums of events: unpriced requests are those without a cost. */
const EVENT_SUMS = SUM_COLUMNS.map((column) =>
  column === 'unpriced_requests'
    ? 'sum(e.requests) FILTER (WHERE e.cost IS NULL) AS unpriced_requests'
    : `sum(e.${column}) AS ${column}`,
).join(', ');

/**
 * The rows of one source within `p.first` and `p.last`, by range and series. A subquery with OFFSET
 * reads each range by its key; without it the planner may read all time, or all organizations, and
 * sort it out after. Days by attribution are added up before their users and tags are looked up.
 */
function piecesSql(source: Source, ranges: string, { own, ownGroups, ofSeries }: Asked): string {
  const series = ofSeries === null ? '0' : 'e.series_id';
  const inRange = (table: string, column: string) =>
    `FROM ${table} e WHERE e.organization_id = $1 AND e.${column} >= p.first AND e.${column} < p.last`;
  if (source === 'event' || source === 'unfolded') {
    const rows = source === 'event' ? inRange('usage_events', 'id') : inRange('unfolded', 'id');
    return `
      SELECT p.range, ${series} AS series_id, ${ownGroups} AS own, ${EVENT_SUMS}
        FROM ${ranges} CROSS JOIN LATERAL (SELECT * ${rows} AND ${own} OFFSET 0) e GROUP BY 1, 2, 3`;
  }
  if (source !== 'attributionDay') {
    return `
      SELECT p.range, ${series} AS series_id, NULL::text[] AS own, ${PIECE_SUMS}
        FROM ${ranges} CROSS JOIN LATERAL (SELECT * ${inRange(TABLES[source], 'bucket')} OFFSET 0) e GROUP BY 1, 2`;
  }
  return `
      SELECT d.range, d.series_id, ${ownGroups} AS own, ${SUM_COLUMNS.map((column) => `sum(d.${column}) AS ${column}`).join(', ')}
        FROM (SELECT p.range, ${series} AS series_id, e.attribution_id, ${PIECE_SUMS}
                FROM ${ranges} CROSS JOIN LATERAL (SELECT * ${inRange(TABLES[source], 'bucket')} OFFSET 0) e
               GROUP BY 1, 2, 3) d
        JOIN (SELECT e.id, e.user_id, e.tags FROM usage_attributions e WHERE ${own} OFFSET 0) e ON e.id = d.attribution_id
       GROUP BY 1, 2, 3`;
}

/**
 * The SQL of one source: its pieces, added to the spans that use them. Pushes the values it refers
 * to.
 */
function sourceSql(source: Source, { ranges, uses }: Reading, asked: Asked): string {
  const { values } = asked.where;
  const isEvent = source === 'event' || source === 'unfolded';
  const push = (list: readonly (string | number)[]) => `$${values.push(plainArray(list))}`;
  const bound = (timeMs: number) => (isEvent ? uuidFloor(timeMs) : `"${new Date(timeMs).toISOString()}"`);
  const type = isEvent ? 'uuid[]' : 'timestamptz[]';
  const firsts = push(ranges.map(({ startMs }) => bound(startMs)));
  const lasts = push(ranges.map(({ endMs }) => bound(endMs)));
  const places = push(uses.map(({ range }) => range));
  const spans = push(uses.map(({ span }) => span));
  const signs = push(uses.map(({ sign }) => sign));
  const sign = uses.some((use) => use.sign < 0) ? ' * u.sign' : '';
  const sums = SUM_COLUMNS.map((column) => `sum(e.${column}${sign}) AS ${column}`).join(', ');
  const pieces = piecesSql(
    source,
    `unnest(${firsts}::${type}, ${lasts}::${type}) WITH ORDINALITY AS p(first, last, range)`,
    asked,
  );
  const series =
    asked.ofSeries === null
      ? ''
      : `CROSS JOIN LATERAL (
           SELECT * FROM usage_series s WHERE s.organization_id = $1 AND s.id = e.series_id OFFSET 0) s
         WHERE ${asked.ofSeries}`;
  return `
    SELECT u.span, e.groups, ${sums}
      FROM (SELECT e.*, ${asked.groups} AS groups FROM (${pieces}) e ${series} OFFSET 0) e
      JOIN unnest(${places}::int[], ${spans}::int[], ${signs}::int[]) AS u(range, span, sign) ON u.range = e.range
     GROUP BY 1, 2`;
}

function askedOf(where: UsageWhere, dimensions: readonly Dimension[]): Asked {
  const columns = dimensions.map((dimension) => dimensionColumn(dimension, where.values));
  const ownColumns = columns.filter((column) => !column.startsWith('s.'));
  const groups = columns.map((column) =>
    column.startsWith('s.') ? column : `e.own[${ownColumns.indexOf(column) + 1}]`,
  );
  const [own, ofSeries] = ['e.', 's.'].map((table) => where.conditions.filter((one) => one.startsWith(table)));
  const needsSeries = columns.length > ownColumns.length || (ofSeries?.length ?? 0) > 1;
  return {
    where,
    own: own?.join(' AND ') ?? '',
    // The first says only whose series they are, as their events do.
    ofSeries: needsSeries ? (ofSeries?.join(' AND ') ?? null) : null,
    ownGroups: ownColumns.length > 0 ? `ARRAY[${ownColumns.join(', ')}]::text[]` : 'NULL::text[]',
    groups: `ARRAY[${groups.join(', ')}]::text[]`,
  };
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
 * Sums usage by span and group, from the coarsest rows that make the spans up exactly: whole UTC
 * days, then quarter hours, then single events. By user or tag: from days folded by attribution,
 * the events that the fold has not reached yet, and single events around them; both are read in one
 * snapshot. Sorted by span, then by rank, `other` last; groups without usage in a span, or whose
 * usage was all voided, are left out.
 *
 * @throws AppError invalid_request where it would take single events that retention has removed
 */
export async function sumUsage(context: Context, question: SumQuestion): Promise<SumGroup[]> {
  const { dimensions, filter, spans, limit } = question;
  const { caller } = context;
  const where = whereUsage(caller, filter);
  const { values } = where;
  const readings = readAll(spans, where.needsEvents || dimensions.some(needsEvents));
  const asked = askedOf(where, dimensions);

  const rows = await readWithin(context, async (sql) => {
    await sql.query(READ_SETTINGS);
    await requireUnretired(sql, caller.organization.id, readings.get('event'));
    const unfolded = readings.has('unfolded') ? await unfoldedSql(sql, where) : '';
    const sources = [...readings].map(([source, reading]) => sourceSql(source, reading, asked));
    values.push(limit, MAX_ANSWER_ROWS + 1);
    const n = values.length;
    const { rows } = await sql.query<Row>(
      `WITH ${unfolded} parts AS (${sources.join(' UNION ALL ')}),
       merged AS MATERIALIZED (SELECT span, groups, ${OUTER_SUMS} FROM parts GROUP BY span, groups HAVING ${ANY_SUM}),
       totals AS (
         SELECT groups, sum(cost) AS cost, sum(input_tokens + output_tokens) AS tokens, sum(requests) AS requests
           FROM merged GROUP BY groups ORDER BY ${RANK} LIMIT $${n - 1}),
       ranked AS MATERIALIZED (SELECT groups, row_number() OVER (ORDER BY ${RANK}) AS rank FROM totals)
       SELECT m.span, coalesce(r.groups, '{}') AS groups, r.groups IS NULL AS other, ${OUTER_SUMS}
         FROM merged m LEFT JOIN ranked r ON r.groups = m.groups
        GROUP BY 1, 2, 3 ORDER BY span, other, min(r.rank) LIMIT $${n}`,
      values,
    );
    return rows;
  });
  if (rows.length > MAX_ANSWER_ROWS) throw invalidField('interval', TOO_MANY_ROWS);
  return rows.map((row) => readRow(row, dimensions));
}
