import type { TimeSpan } from '../../../platform/calendar.ts';
import { uuidFloor } from '../../../platform/ids.ts';
import { plainArray } from '../../../platform/postgres/array-literal.ts';
import type { UsageWhere } from '../event/usage-filter.ts';
import { type Grain, splitSpan } from './split-span.ts';
import { type Dimension, dimensionColumn, MEMBER_COLUMN } from './usage-dimension.ts';
import { SUM_COLUMNS, unpricedOf } from './usage-sums.ts';

export type Source = Grain | 'attributionDay' | 'unfolded';

const TABLES: Readonly<Record<Exclude<Source, 'event' | 'unfolded'>, string>> = {
  quarterHour: 'usage_quarter_hours',
  day: 'usage_days',
  attributionDay: 'usage_attribution_days',
};

/**
 * What is read of one source: ranges of time, each once and in the order of time, and the spans that
 * each is added to or taken off.
 */
export interface Reading {
  ranges: TimeSpan[];
  /** `range`: its place, from 1. */
  uses: { range: number; span: number; sign: 1 | -1 }[];
}

/**
 * Where each piece of each span is read from. Users and tags are on events and on the days folded
 * from them.
 * @param spans disjoint, in the order of time
 */
export function readAll(spans: readonly TimeSpan[], byAttribution: boolean): Map<Source, Reading> {
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

/** What the caller asks of the rows: where they are from, and what they are grouped by. */
export interface Asked {
  where: UsageWhere;
  /** Conditions on events and attributions, and on series. */
  own: string;
  ofSeries: string | null;
  /** The values of dimensions that are not of a series, in one array. */
  ownGroups: string;
  /** The values of all dimensions, of rows that have `own` (see above) and their series `s`. */
  groups: string;
  /** Grouped by the member whose key recorded the series. */
  isByMember: boolean;
  /** Grouped by user, so nearly every row may be a group of its own. */
  isByUser: boolean;
  /** Of one user, whose rows an index finds. */
  isOfUser: boolean;
}

export function askedOf(where: UsageWhere, dimensions: readonly Dimension[], isOfUser: boolean): Asked {
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
    isByMember: columns.some((column) => column.startsWith(MEMBER_COLUMN)),
    isByUser: dimensions.some(({ name }) => name === 'user'),
    isOfUser,
  };
}

const EVENT_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['cost', 'coalesce(e.cost, 0)'],
  ['unpriced_requests', unpricedOf('e')],
]);

/** The columns that are summed, as they stand on an event or on a row of sums. */
function countsOf(isEvent: boolean): string[] {
  return SUM_COLUMNS.map((column) => (isEvent && EVENT_COLUMNS.get(column)) || `e.${column}`);
}

function named(expressions: readonly string[]): string {
  return expressions.map((expression, i) => `${expression} AS ${SUM_COLUMNS[i]}`).join(', ');
}

/**
 * The rows of one source within `p.first` and `p.last`, by range and series. A subquery with OFFSET
 * reads each range by its key; without it the planner may read all time, or all organizations, and
 * sort it out after. What is not grouped by user is added up here, where it becomes few rows.
 */
function piecesSql(source: Source, { firsts, lasts }: Bounds, { own, ownGroups, ofSeries, ...asked }: Asked): string {
  const series = ofSeries === null ? '0' : 'e.series_id';
  const ranges = `unnest(${firsts}, ${lasts}) WITH ORDINALITY AS p(first, last, range)`;
  const within = (table: string, column: string) =>
    `(SELECT * FROM ${table} e
       WHERE e.organization_id = $1 AND e.${column} >= p.first AND e.${column} < p.last`;
  if (source === 'event' || source === 'unfolded') {
    const table = source === 'event' ? 'usage_events' : 'unfolded';
    const counts = countsOf(true);
    const [sums, grouping] =
      asked.isByUser && ofSeries === null ? [counts, ''] : [counts.map((count) => `sum(${count})`), 'GROUP BY 1, 2, 3'];
    return `
      SELECT p.range, ${series} AS series_id, ${ownGroups} AS own, ${named(sums)}
        FROM ${ranges} CROSS JOIN LATERAL ${within(table, 'id')} AND ${own} OFFSET 0) e ${grouping}`;
  }
  const sums = countsOf(false).map((count) => `sum(${count})`);
  if (source !== 'attributionDay') {
    return `
      SELECT p.range, ${series} AS series_id, NULL::text[] AS own, ${named(sums)}
        FROM ${ranges} CROSS JOIN LATERAL ${within(TABLES[source], 'bucket')} OFFSET 0) e GROUP BY 1, 2`;
  }
  const attributions = `(SELECT e.id, e.user_id, e.tags FROM usage_attributions e WHERE ${own} OFFSET 0)`;
  if (asked.isOfUser) {
    // A user has few attributions, and each of them few days: an index finds both.
    return `
      SELECT e.range, ${series} AS series_id, e.own, ${named(sums)}
        FROM (SELECT width_bucket(d.bucket, ${firsts}) AS range, d.*, ${ownGroups} AS own
                FROM ${attributions} e
               CROSS JOIN LATERAL (
                 SELECT * FROM usage_attribution_days d
                  WHERE d.organization_id = $1 AND d.attribution_id = e.id
                    AND d.bucket >= (${firsts})[1] AND d.bucket < (${lasts})[cardinality(${lasts})] OFFSET 0) d) e
       WHERE e.bucket < (${lasts})[e.range] GROUP BY 1, 2, 3`;
  }
  // Days are added up before their users and tags are looked up.
  const days = `
      SELECT p.range, ${series} AS series_id, e.attribution_id, ${named(sums)}
        FROM ${ranges} CROSS JOIN LATERAL ${within(TABLES[source], 'bucket')} OFFSET 0) e
       GROUP BY 1, 2, 3`;
  const counts = SUM_COLUMNS.map((column) => `d.${column}`);
  const [outer, grouping] = asked.isByUser
    ? [counts, '']
    : [counts.map((count) => `sum(${count})`), 'GROUP BY 1, 2, 3'];
  return `
      SELECT d.range, d.series_id, ${ownGroups} AS own, ${named(outer)}
        FROM (${days}) d JOIN ${attributions} e ON e.id = d.attribution_id ${grouping}`;
}

/** Parameters: the ranges' begins and ends. */
interface Bounds {
  firsts: string;
  lasts: string;
}

/** A subquery, because the settings of these reads turn joins by index off. */
const MEMBER_OF_SERIES = `, (
             SELECT k.member_id FROM api_keys k WHERE k.id = s.api_key_id AND k.organization_id = $1) AS member_id`;

/**
 * The SQL of one source: its pieces, for the spans that use them. Pushes the values it refers to.
 */
export function sourceSql(source: Source, { ranges, uses }: Reading, asked: Asked): string {
  const { values } = asked.where;
  const isEvent = source === 'event' || source === 'unfolded';
  const push = (list: readonly (string | number)[]) => `$${values.push(plainArray(list))}`;
  const bound = (timeMs: number) => (isEvent ? uuidFloor(timeMs) : `"${new Date(timeMs).toISOString()}"`);
  const type = isEvent ? 'uuid[]' : 'timestamptz[]';
  const firsts = `${push(ranges.map(({ startMs }) => bound(startMs)))}::${type}`;
  const lasts = `${push(ranges.map(({ endMs }) => bound(endMs)))}::${type}`;
  const places = push(uses.map(({ range }) => range));
  const spans = push(uses.map(({ span }) => span));
  const signs = push(uses.map(({ sign }) => sign));
  const sign = uses.some((use) => use.sign < 0) ? ' * u.sign' : '';
  const counts = SUM_COLUMNS.map((column) => `e.${column}${sign}`);
  const [sums, grouping] = asked.isByUser ? [counts, ''] : [counts.map((count) => `sum(${count})`), 'GROUP BY 1, 2'];
  const pieces = piecesSql(source, { firsts, lasts }, asked);
  const series =
    asked.ofSeries === null
      ? ''
      : `CROSS JOIN LATERAL (
           SELECT s.*${asked.isByMember ? MEMBER_OF_SERIES : ''} FROM usage_series s WHERE s.organization_id = $1 AND s.id = e.series_id OFFSET 0) s
         WHERE ${asked.ofSeries}`;
  return `
    SELECT u.span, e.groups, ${named(sums)}
      FROM (SELECT e.*, ${asked.groups} AS groups FROM (${pieces}) e ${series} OFFSET 0) e
      JOIN unnest(${places}::int[], ${spans}::int[], ${signs}::int[]) AS u(range, span, sign) ON u.range = e.range
     ${grouping}`;
}
