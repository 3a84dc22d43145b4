import { formatScaled, MONEY_SCALE, readNumeric } from '../../../platform/money.ts';
import type { Database, Sql } from '../../../platform/postgres/database.ts';
import type { Driver } from './find-drivers.ts';
import { type Followed, followIncident, type Incident } from './follow-incident.ts';
import type { Judged } from './judge-intervals.ts';
import type { Series, SeriesName } from './series.ts';

export type IntervalName = 'day' | 'hour';

/** The newest intervals of a series, judged. */
export interface JudgedSeries {
  organizationId: string;
  series: Series;
  interval: IntervalName;
  stepMs: number;
  intervals: readonly Judged[];
}

/** A mute that has not ended. Ids are UUIDs. */
export interface LivingMute {
  team_id: string | null;
  api_key_id: string | null;
}

interface IncidentRow {
  series: SeriesName;
  interval: IntervalName;
  started_at: Date;
  last_over_at: Date;
  ended_at: Date | null;
  told_at: Date | null;
}

/** What an organization's series are followed with. */
export interface Watched {
  mutes: readonly LivingMute[];
  /** Series whose newest incident has not ended. */
  open: readonly { series: SeriesName; interval: IntervalName }[];
  latest(series: SeriesName, interval: IntervalName): Incident | null;
}

const toIncident = (row: IncidentRow): Incident => ({
  startedMs: row.started_at.getTime(),
  lastOverMs: row.last_over_at.getTime(),
  endedMs: row.ended_at?.getTime() ?? null,
  isTold: row.told_at !== null,
});

/** The newest incident of each series, and the mutes that have not ended. */
export async function readWatched(sql: Sql, organizationId: string, now: Date): Promise<Watched> {
  const incidents = await sql.query<IncidentRow>(
    `SELECT DISTINCT ON (series, interval) * FROM anomaly_incidents WHERE organization_id = $1
      ORDER BY series, interval, started_at DESC`,
    [organizationId],
  );
  const mutes = await sql.query<LivingMute>(
    'SELECT team_id, api_key_id FROM anomaly_mutes WHERE organization_id = $1 AND until > $2',
    [organizationId, now],
  );
  const latest = new Map(incidents.rows.map((row) => [`${row.series} ${row.interval}`, toIncident(row)]));
  const open = incidents.rows.filter((row) => row.ended_at === null);
  return { mutes: mutes.rows, open, latest: (series, interval) => latest.get(`${series} ${interval}`) ?? null };
}

/** Whether a mute has what the series has: each id that it names. */
export function isMuted({ teamId, apiKeyId }: Series, mutes: readonly LivingMute[]): boolean {
  return mutes.some(
    (mute) =>
      (mute.team_id === null || mute.team_id === teamId) && (mute.api_key_id === null || mute.api_key_id === apiKeyId),
  );
}

/** What has become of the incidents of a series. */
export function followSeries(watched: Watched, { series, interval, intervals, stepMs }: JudgedSeries) {
  const latest = watched.latest(series.name, interval);
  return followIncident(latest, intervals, stepMs, isMuted(series, watched.mutes)) satisfies Followed<Judged>;
}

const ESTIMATE_PLACES = 6;

/** An estimate in USD, which has millionths at most. */
export function estimateText(dollars: number): string {
  return formatScaled(readNumeric(dollars.toFixed(ESTIMATE_PLACES)), MONEY_SCALE);
}

const UPSERT = `
  INSERT INTO anomaly_incidents AS i (organization_id, series, interval, started_at, last_over_at, ended_at, told_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (organization_id, series, interval, started_at) DO UPDATE
     SET last_over_at = excluded.last_over_at, ended_at = excluded.ended_at,
         told_at = coalesce(i.told_at, excluded.told_at)`;

async function raise(sql: Sql, judged: JudgedSeries, one: Judged, drivers: readonly Driver[], now: Date) {
  const { organizationId, series, interval } = judged;
  const { band } = one;
  if (band === null) return;
  const payload = {
    teamId: series.teamId,
    apiKeyId: series.apiKeyId,
    interval,
    start: new Date(one.startMs).toISOString(),
    end: new Date(one.endMs).toISOString(),
    expected: estimateText(band.expected),
    lower: estimateText(band.lower),
    upper: estimateText(band.upper),
    actual: one.actual,
    drivers,
  };
  await sql.query(
    `SELECT raise_event(organization => $1, at => $2, kind => 'usage.anomaly', team => $3, payload => $4)`,
    [organizationId, now, series.teamId, JSON.stringify(payload)],
  );
}

/**
 * Writes what has become of a series' incidents, and raises those that are told, in one transaction
 * under the organization's lock: whoever else has judged the same intervals meanwhile has either
 * written before, and then nothing is left to write, or will find this.
 * @param drivers of each interval that may be told, by its start
 * @returns how many events were raised
 */
export async function recordIncidents(
  database: Database,
  judged: JudgedSeries,
  drivers: ReadonlyMap<number, readonly Driver[]>,
  nowMs: number,
): Promise<number> {
  const { organizationId, series, interval } = judged;
  const now = new Date(nowMs);
  return database.transaction(async (sql) => {
    await sql.query('SELECT lock_organization($1)', [organizationId]);
    const { changed, told } = followSeries(await readWatched(sql, organizationId, now), judged);
    for (const { startedMs, lastOverMs, endedMs, isTold } of changed) {
      const times = [new Date(startedMs), new Date(lastOverMs), endedMs === null ? null : new Date(endedMs)];
      await sql.query(UPSERT, [organizationId, series.name, interval, ...times, isTold ? now : null]);
    }
    for (const one of told) await raise(sql, judged, one, drivers.get(one.startMs) ?? [], now);
    return told.length;
  });
}
