import type { TimeSpan } from '../../../platform/calendar.ts';
import { invalidField } from '../../../platform/errors.ts';
import { readNumeric } from '../../../platform/money.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import type { Context } from '../../context.ts';
import { SUMMED_COUNTS } from '../../pricing/price/usage-counts.ts';
import { type Among, addAmong, type UsageFilter, type UsageWhere, whereUsage } from '../event/usage-filter.ts';
import { findKeptFrom } from './kept-events.ts';
import { findGroupNames } from './name-groups.ts';
import { readWithin } from './read-within.ts';
import { askedOf, type Reading, readAll, sourceSql } from './sum-sources.ts';
import { type Dimension, formatDimensionValue, needsEvents } from './usage-dimension.ts';
import { SUM_COLUMNS, type SumColumn, type UsageSums, zeroSums } from './usage-sums.ts';

const RETIRED_MESSAGE =
  'is before the retention cutoff; there, ranges must start and end on a quarter hour (on a UTC day when filtered or grouped by user or tag)';

export interface SumQuestion {
  /** Disjoint; each is summed on its own. */
  spans: readonly TimeSpan[];
  dimensions: readonly Dimension[];
  filter: UsageFilter;
  /** Given: only usage of these. */
  among?: Among | null;
  /** So many groups by cost over all spans; the rest become one. */
  limit: number;
}

/** The sums of one group in one span. */
export interface SumGroup extends UsageSums {
  /** Index into `spans`. */
  span: number;
  /** In the order of `dimensions`; all null where `other`. */
  values: (string | null)[];
  /** Of each value, where it is the id of a team, an API key or a member. */
  names: (string | null)[];
  /** The groups beyond the limit, in one. */
  other: boolean;
}

interface Row extends Record<Exclude<SumColumn, 'cost'>, number> {
  span: number;
  groups: (string | null)[];
  other: boolean;
  cost: string;
}

const MOST = Number.MAX_SAFE_INTEGER;
// Counts on the wire end at 2^53-1: a sum beyond stays there, and never takes the whole answer
// down.
const RANKED_SUMS = 'sum(cost) AS cost, sum(input_tokens + output_tokens) AS tokens, sum(requests) AS requests';
// What was used and not taken back has at least one of these.
const ANY_RANKED = 'sum(requests) <> 0 OR sum(cost) <> 0 OR sum(input_tokens + output_tokens) <> 0';
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
 * expects to have one row may have millions. Rows are found by keys (LATERAL), the rest is hashed, in
 * 64 MB a hash table (twice the setting): 100,000 users fit, and what does not is written to disk.
 */
const READ_SETTINGS = `
  SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;
  SET LOCAL enable_sort = off; SET LOCAL work_mem = '32MB'`;

/**
 * Days of very many users lie on their pages in the order of folding, not in that of the index, so
 * each page is read once, with all its rows. Where series are looked up, an index finds each.
 */
const BY_PAGES = 'SET LOCAL enable_indexscan = off';

function readRow(row: Row, dimensions: readonly Dimension[]): Omit<SumGroup, 'names'> {
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
  const keptFromMs = await findKeptFrom(sql, organizationId);
  if (reading.ranges.every(({ startMs }) => startMs >= keptFromMs)) return;
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
  const { dimensions, filter, among, spans, limit } = question;
  const { caller } = context;
  const where = whereUsage(caller, filter);
  if (among) addAmong(where, among);
  const { values } = where;
  const readings = readAll(spans, where.needsEvents || dimensions.some(needsEvents));
  const asked = askedOf(where, dimensions, Boolean(filter.userId));

  const rows = await readWithin(context, async (sql) => {
    await sql.query(READ_SETTINGS);
    if (readings.has('attributionDay') && asked.ofSeries === null && !asked.isOfUser) await sql.query(BY_PAGES);
    await requireUnretired(sql, caller.organization.id, readings.get('event'));
    const unfolded = readings.has('unfolded') ? await unfoldedSql(sql, where) : '';
    const sources = [...readings].map(([source, reading]) => sourceSql(source, reading, asked));
    values.push(limit, MAX_ANSWER_ROWS + 1);
    const n = values.length;
    const { rows } = await sql.query<Row>(
      `WITH ${unfolded} parts AS MATERIALIZED (${sources.join(' UNION ALL ')}),
       totals AS (
         SELECT groups, ${RANKED_SUMS} FROM parts GROUP BY groups HAVING ${ANY_RANKED} ORDER BY ${RANK} LIMIT $${n - 1}),
       ranked AS MATERIALIZED (SELECT groups, row_number() OVER (ORDER BY ${RANK}) AS rank FROM totals)
       SELECT p.span, coalesce(r.groups, '{}') AS groups, r.groups IS NULL AS other, ${OUTER_SUMS}
         FROM parts p LEFT JOIN ranked r ON r.groups = p.groups
        GROUP BY p.span, r.rank, r.groups HAVING ${ANY_SUM} ORDER BY p.span, other, r.rank LIMIT $${n}`,
      values,
    );
    return rows;
  });
  if (rows.length > MAX_ANSWER_ROWS) throw invalidField('interval', TOO_MANY_ROWS);
  const groups = rows.map((row) => readRow(row, dimensions));
  const names = await findGroupNames(context, dimensions, groups);
  const nameOf = (value: string | null) => (value === null ? null : (names.get(value) ?? null));
  return groups.map((group) => ({ ...group, names: group.values.map(nameOf) }));
}
