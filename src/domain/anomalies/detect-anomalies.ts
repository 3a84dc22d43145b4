import type { Log } from '../../platform/log.ts';
import type { Database } from '../../platform/postgres/database.ts';
import type { TransactionLimits } from '../../platform/postgres/pool/transaction.ts';
import { DAY_MS } from '../../platform/time.ts';
import { MIN_EXCESS_USD } from './bands/band.ts';
import { HISTORY_DAYS } from './bands/day-band.ts';
import { type Driver, findDrivers } from './watch/find-drivers.ts';
import { type Costs, HOUR_MS, judge } from './watch/judge-intervals.ts';
import type { KnownBands } from './watch/known-bands.ts';
import { groupBySeries, makeBands } from './watch/make-bands.ts';
import { readSpend, type Spend } from './watch/read-spend.ts';
import {
  estimateText,
  followSeries,
  type JudgedSeries,
  readWatched,
  recordIncidents,
} from './watch/record-incidents.ts';
import { readSeries, type SeriesName } from './watch/series.ts';

/** The job judges what was recorded every two minutes. */
export const DETECT_ANOMALIES_SCHEDULE = '*/2 * * * *';

export interface DetectingResources {
  database: Database;
  clock: () => number;
  log: Log;
  bands: KnownBands;
}

/** One look at some organizations. */
interface Look extends DetectingResources {
  nowMs: number;
  /** Starts of the UTC days and of the hours that are judged, in order. */
  days: readonly number[];
  hours: readonly number[];
  /** Of each read. */
  limits: TransactionLimits;
}

interface ActiveOrganization {
  id: string;
  /** Changes when the cost of a day of its history does. */
  mark: string;
}

/** The largest series of an organization that are watched. */
const MAX_SERIES = 200;
/** The number of organizations whose recent costs one statement reads. */
const PAGE_ORGANIZATIONS = 50;
/** Days that ended in the last 48 hours, and hours that began in the last 24, are judged. */
const JUDGED_DAYS = 3;
const JUDGED_HOURS = 24;
const STATEMENT_TIMEOUT_MS = 30_000;

const ORGANIZATIONS = `
  SELECT o.id, h.mark FROM organizations o
   CROSS JOIN LATERAL (
     SELECT sum(d.cost) AS cost FROM usage_days d WHERE d.organization_id = o.id AND d.bucket >= $2 OFFSET 0) d
   CROSS JOIN LATERAL (
     SELECT concat_ws(' ', $5::timestamptz, count(*), sum(d.requests), sum(d.cost)) AS mark FROM usage_days d
      WHERE d.organization_id = o.id AND d.bucket >= $4 AND d.bucket < $5 OFFSET 0) h
   WHERE o.id > $1 AND d.cost >= $3 ORDER BY o.id LIMIT ${PAGE_ORGANIZATIONS}`;

const OPEN_INCIDENTS = `
  SELECT DISTINCT organization_id FROM anomaly_incidents WHERE organization_id = ANY ($1::uuid[]) AND ended_at IS NULL`;

const NOTHING: Costs = new Map();
const dayOf = (timeMs: number) => Math.floor(timeMs / DAY_MS) * DAY_MS;

function lookAt(resources: DetectingResources, signal: AbortSignal): Look {
  const nowMs = resources.clock();
  const days = Array.from({ length: JUDGED_DAYS }, (_, i) => dayOf(nowMs) - (JUDGED_DAYS - 1 - i) * DAY_MS);
  const firstHour = (Math.floor(nowMs / HOUR_MS) - JUDGED_HOURS) * HOUR_MS;
  const hours = Array.from({ length: JUDGED_HOURS + 1 }, (_, i) => firstHour + i * HOUR_MS);
  return { ...resources, nowMs, days, hours, limits: { signal, timeoutMs: STATEMENT_TIMEOUT_MS } };
}

async function listActive({ database, days }: Look, after: string): Promise<ActiveOrganization[]> {
  const [first = 0, today = 0] = [days[0], days.at(-1)];
  const times = [new Date(first - HISTORY_DAYS * DAY_MS), new Date(today)];
  const values = [after, new Date(first), MIN_EXCESS_USD, ...times];
  return (await database.pool.query<ActiveOrganization>(ORGANIZATIONS, values)).rows;
}

/** The recent days or hours that cost enough to be an anomaly, by organization. */
async function readRecent({ database, days, hours, limits }: Look, interval: 'day' | 'hour', ids: readonly string[]) {
  const starts = interval === 'day' ? days : hours;
  const span = { startMs: starts[0] ?? 0, endMs: (days.at(-1) ?? 0) + DAY_MS };
  const question = { organizationIds: ids, interval, ...span, series: null, above: MIN_EXCESS_USD };
  const found = Map.groupBy(await readSpend(database, question, limits), ({ organizationId }) => organizationId);
  return (id: string): readonly Spend[] => found.get(id) ?? [];
}

/** The series with the largest day, with all that any of them has. */
function largestSeries(days: ReadonlyMap<SeriesName, Costs>): SeriesName[] {
  const largest = (name: SeriesName) => Math.max(...[...(days.get(name) ?? NOTHING).values()].map(Number));
  return [...days.keys()]
    .map((name) => ({ name, cost: largest(name) }))
    .sort((a, b) => b.cost - a.cost || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_SERIES)
    .map(({ name }) => name);
}

async function readTeamsOfKeys({ database }: Look, id: string, names: readonly SeriesName[]) {
  const keys = names.flatMap((name) => (name.startsWith('api_key:') ? [name.slice('api_key:'.length)] : []));
  if (keys.length === 0) return new Map<string, string | null>();
  const { rows } = await database.pool.query<{ id: string; team_id: string | null }>(
    'SELECT id, team_id FROM api_keys WHERE organization_id = $1 AND id = ANY ($2::uuid[])',
    [id, keys],
  );
  return new Map(rows.map((row) => [row.id, row.team_id]));
}

type Unnamed = Omit<JudgedSeries, 'series'> & { name: SeriesName };

/** Judges the recent days and hours of an organization; makes the bands that this takes. */
async function judgeRecent(
  look: Look,
  { id, mark }: ActiveOrganization,
  recent: { days: readonly Spend[]; hours: readonly Spend[] },
): Promise<Unnamed[]> {
  const { database, bands, limits, nowMs } = look;
  const [days, hours] = [groupBySeries(recent.days), groupBySeries(recent.hours)];
  const names = largestSeries(days);
  const known = bands.of(id, mark);
  const wanted = {
    organizationId: id,
    days: look.days,
    ofDays: names,
    ofHours: names.filter((name) => hours.has(name)),
  };
  await makeBands(database, wanted, known, limits);
  return names.flatMap((name): Unnamed[] => {
    const own = known.get(name);
    const bandOfHour = (hour: number) => own?.hours?.get(dayOf(hour))?.[(hour - dayOf(hour)) / HOUR_MS] ?? null;
    const ofDays = look.days.map((day) =>
      judge(days.get(name) ?? NOTHING, day, DAY_MS, nowMs, own?.days.get(day) ?? null),
    );
    const ofHours = look.hours.map((hour) => judge(hours.get(name) ?? NOTHING, hour, HOUR_MS, nowMs, bandOfHour(hour)));
    return [
      { organizationId: id, name, interval: 'day', stepMs: DAY_MS, intervals: ofDays },
      { organizationId: id, name, interval: 'hour', stepMs: HOUR_MS, intervals: ofHours },
    ];
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

/** Writes what has become of an organization's incidents. Returns how many events were raised. */
async function follow(look: Look, id: string, all: readonly Unnamed[]): Promise<number> {
  const { database, nowMs } = look;
  const watched = await readWatched(database.pool, id, new Date(nowMs));
  const names = all.map(({ name }) => name);
  const teams = await readTeamsOfKeys(look, id, names);
  // A series that costs next to nothing now may have an incident that is over.
  const rest = watched.open.filter(({ series }) => !names.includes(series));
  const calm = rest.map(({ series, interval }): Unnamed => {
    const [starts, stepMs] = interval === 'day' ? [look.days, DAY_MS] : [look.hours, HOUR_MS];
    const intervals = starts.map((start) => judge(NOTHING, start, stepMs, nowMs, null));
    return { organizationId: id, name: series, interval, stepMs, intervals };
  });
  let raised = 0;
  for (const { name, ...judged } of [...all, ...calm]) {
    const one: JudgedSeries = { ...judged, series: readSeries(name, teams) };
    const { changed, told } = followSeries(watched, one);
    if (changed.length === 0) continue;
    raised += await recordIncidents(database, one, await driversOf(database, one, told), nowMs);
  }
  return raised;
}

async function judgePage(look: Look, page: readonly ActiveOrganization[]): Promise<number> {
  const { database, limits, log } = look;
  const ids = page.map(({ id }) => id);
  const [days, hours] = [await readRecent(look, 'day', ids), await readRecent(look, 'hour', ids)];
  const open = await database.pool.query<{ organization_id: string }>(OPEN_INCIDENTS, [ids]);
  const hasOpen = new Set(open.rows.map((row) => row.organization_id));
  let raised = 0;
  for (const organization of page) {
    const { id } = organization;
    try {
      limits.signal?.throwIfAborted();
      const judged = await judgeRecent(look, organization, { days: days(id), hours: hours(id) });
      const isOver = judged.some(({ intervals }) => intervals.some((interval) => interval.isOver));
      if (isOver || hasOpen.has(id)) raised += await follow(look, id, judged);
    } catch (error) {
      if (limits.signal?.aborted) throw error;
      log.warn({ err: error, organizationId: id }, 'anomalies of an organization were not looked for');
    }
  }
  return raised;
}

async function detectAll(resources: DetectingResources, signal: AbortSignal): Promise<number> {
  let raised = 0;
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    signal.throwIfAborted();
    const look = lookAt(resources, signal);
    const page = await listActive(look, after);
    if (page.length > 0) raised += await judgePage(look, page);
    after = page.at(-1)?.id ?? after;
    if (page.length < PAGE_ORGANIZATIONS) return raised;
  }
}

/** Whose run is under way in this process. */
const running = new WeakSet<KnownBands>();

/**
 * Raises `usage.anomaly` for each day and hour of an organization, a team or an API key that costs more
 * than is to be expected of it, once for each incident, whoever runs this at the same time. Only
 * organizations with usage of the last days are looked at, a page at a time, and of each its largest
 * series: what is held in memory does not grow with their number. Does nothing while a run with the
 * same bands is under way: the first of a day may take longer than until the next is due.
 * @param signal aborted: the organizations that are left wait for the next time, and the call rejects
 * with the signal's reason
 * @returns how many events were raised
 */
export async function detectAnomalies(resources: DetectingResources, signal: AbortSignal): Promise<number> {
  const { bands } = resources;
  if (running.has(bands)) return 0;
  running.add(bands);
  try {
    return await detectAll(resources, signal);
  } finally {
    running.delete(bands);
  }
}
