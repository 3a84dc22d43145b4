import type { Band } from '../bands/band.ts';
import type { SeriesName } from './series.ts';

/** The bands of a series. */
export interface SeriesBands {
  /** By the start of the day; null where the series was too young. */
  days: ReadonlyMap<number, Band | null>;
  /** By the start of their day; null while none were needed, and none where the series was too young. */
  hours: ReadonlyMap<number, readonly Band[]> | null;
}

/** The bands that this process has made, so that each series' are made once a day. */
export interface KnownBands {
  /**
   * @param mark of the history that the bands are made of: those of another one are forgotten
   * @returns the organization's bands by series, to be read and added to
   */
  of(organizationId: string, mark: string): Map<SeriesName, SeriesBands>;
}

/** About 30 MB. */
const MAX_SERIES = 10_000;

/** Bands are a function of their history: without the cache they are made each time. */
export function createKnownBands(): KnownBands {
  const known = new Map<string, { mark: string; bands: Map<SeriesName, SeriesBands> }>();
  const countSeries = () => [...known.values()].reduce((sum, { bands }) => sum + bands.size, 0);
  return {
    of(organizationId, mark) {
      const found = known.get(organizationId);
      if (found?.mark === mark) return found.bands;
      known.delete(organizationId);
      const bands = new Map<SeriesName, SeriesBands>();
      // The organizations are looked at in one order: those that were looked at first go last.
      for (const id of [...known.keys()].reverse()) {
        if (countSeries() < MAX_SERIES) break;
        known.delete(id);
      }
      known.set(organizationId, { mark, bands });
      return bands;
    },
  };
}
