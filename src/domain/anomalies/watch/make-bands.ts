import { setImmediate } from 'node:timers/promises';
import type { Database } from '../../../platform/postgres/database.ts';
import type { TransactionLimits } from '../../../platform/postgres/pool/transaction.ts';
import { DAY_MS } from '../../../platform/time.ts';
import { HISTORY_DAYS } from '../bands/day-band.ts';
import { HOUR_HISTORY_DAYS } from '../bands/hour-bands.ts';
import { bandOfDay, bandsOfHours, type Costs } from './judge-intervals.ts';
import type { SeriesBands } from './known-bands.ts';
import { readSpend, type Spend } from './read-spend.ts';
import type { SeriesName } from './series.ts';

/** The number of days whose hours one statement reads. */
const CHUNK_DAYS = 10;
const NOTHING: Costs = new Map();

/** Costs by series, and by the start of the interval. */
export function groupBySeries(
  spends: readonly Spend[],
  into = new Map<SeriesName, Map<number, string>>(),
): Map<SeriesName, Map<number, string>> {
  for (const { series, startMs, cost } of spends) {
    const costs = into.get(series) ?? new Map<number, string>();
    into.set(series, costs);
    costs.set(startMs, cost);
  }
  return into;
}

/** Whose bands are made. */
export interface BandsWanted {
  organizationId: string;
  /** Starts of UTC days that are judged, in order; the last one is today. */
  days: readonly number[];
  /** Series with a day that may be over its band. */
  ofDays: readonly SeriesName[];
  /** Series with an hour that may be. */
  ofHours: readonly SeriesName[];
}

/**
 * Makes the bands that are not known yet: of days by one read, of the hours of the last two days by a few.
 * @param known is added to
 */
export async function makeBands(
  database: Database,
  { organizationId, days, ofDays, ofHours }: BandsWanted,
  known: Map<SeriesName, SeriesBands>,
  limits: TransactionLimits,
): Promise<void> {
  const [first = 0, today = 0] = [days[0], days.at(-1)];
  const question = { organizationIds: [organizationId], above: null };
  const newDays = [...new Set([...ofDays, ...ofHours])].filter((name) => !known.has(name));
  if (newDays.length > 0) {
    const span = { startMs: first - HISTORY_DAYS * DAY_MS, endMs: today };
    const read = { ...question, ...span, interval: 'day', series: newDays } as const;
    const costs = groupBySeries(await readSpend(database, read, limits));
    for (const name of newDays) {
      const own = costs.get(name) ?? NOTHING;
      known.set(name, { days: new Map(days.map((day) => [day, bandOfDay(own, day)])), hours: null });
    }
  }
  const newHours = ofHours.filter((name) => !known.get(name)?.hours);
  if (newHours.length === 0) return;
  const costs = new Map<SeriesName, Map<number, string>>();
  for (let startMs = today - (HOUR_HISTORY_DAYS + 1) * DAY_MS; startMs < today; startMs += CHUNK_DAYS * DAY_MS) {
    const endMs = Math.min(today, startMs + CHUNK_DAYS * DAY_MS);
    const read = { ...question, interval: 'hour', startMs, endMs, series: newHours } as const;
    groupBySeries(await readSpend(database, read, limits), costs);
  }
  for (const name of newHours) {
    // Others may be answered meanwhile: the bands of a day take about a millisecond.
    await setImmediate();
    const own = costs.get(name) ?? NOTHING;
    const hours = new Map([today - DAY_MS, today].map((day) => [day, bandsOfHours(own, day)]));
    known.set(name, { days: known.get(name)?.days ?? new Map(), hours });
  }
}
