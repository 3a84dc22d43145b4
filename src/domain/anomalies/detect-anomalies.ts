import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Log } from '../../platform/log.ts';
import type { Database } from '../../platform/postgres/database.ts';
import type { TransactionLimits } from '../../platform/postgres/pool/transaction.ts';
import { DAY_MS } from '../../platform/time.ts';
import { MIN_EXCESS_USD } from './bands/band.ts';
import { HISTORY_DAYS } from './bands/day-band.ts';
import { HOUR_HISTORY_DAYS } from './bands/hour-bands.ts';
import { type Driver, findDrivers } from './watch/find-drivers.ts';
import { bandsOfDay, type Costs, groupBySeries, HOUR_MS, judge, judgeDays } from './watch/judge-days.ts';
import type { DaysOfBands, KnownHourBands } from './watch/known-hour-bands.ts';
import { findLargeSeries, readSpend } from './watch/read-spend.ts';
import {
  estimateText,
  followSeries,
  type JudgedSeries,
  readWatched,
  recordIncidents,
} from './watch/record-incidents.ts';
import { readSeries, type Series, type SeriesName } from './watch/series.ts';

/** The job judges what was recorded every two minutes. */
export const DETECT_ANOMALIES_SCHEDULE = '*/2 * * * *';

export interface DetectingResources {
  database: Database;
  clock: () => number;
  log: Log;
  hourBands: KnownHourBands;
}

/** One run of the job. */
interface Pass extends DetectingResources {
  /** Of each read. */
  limits: TransactionLimits;
}

/** The largest series of an organization that are watched. */
const MAX_SERIES = 200;
const PAGE_ORGANIZATIONS = 200;
/** Hours that began earlier are not judged; of days, today's and the two before. */
const JUDGED_HOURS = 24;
const JUDGED_DAYS = 3;
/** Hours are read so many days at a time. */
const CHUNK_DAYS = 7;
const STATEMENT_TIMEOUT_MS = 30_000;

const ORGANIZATIONS = `
  SELECT o.id FROM organizations o
   CROSS JOIN LATERAL (
     SELECT sum(d.cost) AS cost FROM usage_days d WHERE d.organization_id = o.id AND d.bucket >= $2 OFFSET 0) d
   WHERE o.id > $1 AND d.cost >= $3 ORDER BY o.id LIMIT ${PAGE_ORGANIZATIONS}`;

/** What one organization is judged with. */
interface Organization {
  id: string;
  nowMs: number;
  /** Start of the UTC day. */
  today: number;
  series: readonly Series[];
  /** Of the days of the history and of today. */
  days: ReadonlyMap<SeriesName, Costs>;
}

const dayOf = (timeMs: number) => Math.floor(timeMs / DAY_MS) * DAY_MS;
const NOTHING: Costs = new Map();

async function readTeamsOfKeys({ pool }: Database, id: string, names: readonly SeriesName[]) {
  const keys = names.flatMap((name) => (name.startsWith('api_key:') ? [name.slice('api_key:'.length)] : []));
  const { rows } = await pool.query<{ id: string; team_id: string | null }>(
    'SELECT id, team_id FROM api_keys WHERE organization_id = $1 AND id = ANY ($2::uuid[])',
    [id, keys],
  );
  return new Map(rows.map((row) => [row.id, row.team_id]));
}

async function readOrganization({ database, limits }: Pass, id: string, nowMs: number): Promise<Organization> {
  const today = dayOf(nowMs);
  const span = { organizationId: id, endMs: today + DAY_MS };
  const recent = { ...span, startMs: today - (JUDGED_DAYS - 1) * DAY_MS, atLeast: MIN_EXCESS_USD, limit: MAX_SERIES };
  const read = await database.snapshot(async (sql) => {
    const names = await findLargeSeries(sql, recent);
    const startMs = today - (HISTORY_DAYS + JUDGED_DAYS - 1) * DAY_MS;
    return { names, days: await readSpend(sql, { ...span, interval: 'day', startMs, series: names }) };
  }, limits);
  const teams = await readTeamsOfKeys(database, id, read.names);
  const series = read.names.map((name) => readSeries(name, teams));
  return { id, nowMs, today, series, days: groupBySeries(read.days) };
}

/** What the bands of hours depend on: they are made again when the cost of a day before changes. */
function markOf({ today, days }: Organization): string {
  const hash = createHash('sha256').update(String(today));
  for (const name of [...days.keys()].sort()) {
    const costs = [...(days.get(name) ?? NOTHING)].filter(([day]) => day < today).sort(([a], [b]) => a - b);
    hash.update(`${name} ${costs.join(' ')}\n`);
  }
  return hash.digest('base64');
}

/** Makes the bands of the hours of yesterday and today that are not known yet. */
async function makeHourBands(
  { database, limits }: Pass,
  { id, today }: Organization,
  names: readonly SeriesName[],
  known: Map<SeriesName, DaysOfBands>,
): Promise<void> {
  const missing = names.filter((name) => !known.has(name));
  if (missing.length === 0) return;
  const costs = new Map<SeriesName, Map<number, string>>();
  for (let startMs = today - (HOUR_HISTORY_DAYS + 1) * DAY_MS; startMs < today; startMs += CHUNK_DAYS * DAY_MS) {
    const endMs = Math.min(today, startMs + CHUNK_DAYS * DAY_MS);
    const question = { organizationId: id, interval: 'hour', startMs, endMs, series: missing } as const;
    const read = groupBySeries(await database.snapshot((sql) => readSpend(sql, question), limits));
    for (const [name, more] of read) costs.set(name, new Map([...(costs.get(name) ?? []), ...more]));
  }
  for (const name of missing) {
    // Others may be answered meanwhile: bands take about a millisecond.
    await setImmediate();
    const own = costs.get(name) ?? NOTHING;
    known.set(name, new Map([today - DAY_MS, today].map((day) => [day, bandsOfDay(own, day)])));
  }
}

/** The hours of the last day of each series, where any is large enough to be an anomaly. */
async function judgeHours(pass: Pass, organization: Organization) {
  const { database, hourBands, limits } = pass;
  const { id, nowMs, today, series } = organization;
  const startMs = Math.floor(nowMs / HOUR_MS - JUDGED_HOURS) * HOUR_MS;
  const question = { organizationId: id, interval: 'hour', startMs, endMs: today + DAY_MS } as const;
  const names = series.map(({ name }) => name);
  const spends = await database.snapshot((sql) => readSpend(sql, { ...question, series: names }), limits);
  const costs = groupBySeries(spends);
  const isLarge = (name: SeriesName) =>
    [...(costs.get(name)?.values() ?? [])].some((cost) => Number(cost) > MIN_EXCESS_USD);
  const known = hourBands.of(id, markOf(organization));
  await makeHourBands(pass, organization, names.filter(isLarge), known);
  const hours = Array.from({ length: JUDGED_HOURS + 1 }, (_, i) => startMs + i * HOUR_MS);
  return series.map((one): JudgedSeries => {
    const bands = known.get(one.name);
    const intervals = hours.map((hour) => {
      const band = bands?.get(dayOf(hour))?.[(hour - dayOf(hour)) / HOUR_MS] ?? null;
      return judge(costs.get(one.name) ?? NOTHING, hour, HOUR_MS, nowMs, band);
    });
    return { organizationId: id, series: one, interval: 'hour', stepMs: HOUR_MS, intervals };
  });
}

async function driversOf(database: Database, judged: JudgedSeries, told: JudgedSeries['intervals']) {
  const drivers = new Map<number, Driver[]>();
  for (const { startMs, endMs, band } of told) {
    if (band === null) continue;
    const expected = estimateText(band.expected);
    drivers.set(startMs, await findDrivers(database, { ...judged, startMs, endMs, expected }));
  }
  return drivers;
}

/** Judges the newest days and hours of an organization's series. Returns how many events were raised. */
async function judgeOrganization(pass: Pass, id: string, nowMs: number): Promise<number> {
  const { database } = pass;
  const organization = await readOrganization(pass, id, nowMs);
  const { today, days, series } = organization;
  const judgedDays = Array.from({ length: JUDGED_DAYS }, (_, i) => today - (JUDGED_DAYS - 1 - i) * DAY_MS);
  const byDay = series.map((one): JudgedSeries => {
    const intervals = judgeDays(days.get(one.name) ?? NOTHING, judgedDays, nowMs);
    return { organizationId: id, series: one, interval: 'day', stepMs: DAY_MS, intervals };
  });
  const watched = await readWatched(database.pool, id, new Date(nowMs));
  let raised = 0;
  for (const judged of [...byDay, ...(await judgeHours(pass, organization))]) {
    const { changed, told } = followSeries(watched, judged);
    if (changed.length === 0) continue;
    raised += await recordIncidents(database, judged, await driversOf(database, judged, told), nowMs);
  }
  return raised;
}

/**
 * Raises `usage.anomaly` for each day and hour of an organization, a team or an API key that costs more
 * than is to be expected of it, once for each incident, whoever runs this at the same time. Only
 * organizations with usage of the last days are looked at, one at a time, and of each its largest
 * series: what is held in memory does not grow with their number.
 * @param signal aborted: the organizations that are left wait for the next time
 * @returns how many events were raised
 */
export async function detectAnomalies(resources: DetectingResources, signal: AbortSignal): Promise<number> {
  const { database, clock, log } = resources;
  const pass = { ...resources, limits: { signal, timeoutMs: STATEMENT_TIMEOUT_MS } };
  let raised = 0;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const nowMs = clock();
    const from = new Date(dayOf(nowMs) - (JUDGED_DAYS - 1) * DAY_MS);
    const { rows } = await database.pool.query<{ id: string }>(ORGANIZATIONS, [after, from, MIN_EXCESS_USD]);
    for (const { id } of rows) {
      if (signal.aborted) return raised;
      after = id;
      try {
        raised += await judgeOrganization(pass, id, nowMs);
      } catch (error) {
        if (signal.aborted) return raised;
        log.warn({ err: error, organizationId: id }, 'anomalies of an organization were not looked for');
      }
    }
    if (rows.length < PAGE_ORGANIZATIONS) return raised;
  }
}
