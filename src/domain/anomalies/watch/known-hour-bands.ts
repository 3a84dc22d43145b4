import type { Band } from '../bands/band.ts';
import type { SeriesName } from './series.ts';

/** The bands of the hours of yesterday and today, by the start of their day. */
export type DaysOfBands = ReadonlyMap<number, readonly Band[]>;

/** The bands of hours that this process has made, so that each series' are made once a day. */
export interface KnownHourBands {
  /**
   * @param mark of the history that the bands are made of: bands of another one are forgotten
   * @returns the organization's bands by series, to be read and added to
   */
  of(organizationId: string, mark: string): Map<SeriesName, DaysOfBands>;
}

/** About 25 MB with two days each. */
const MAX_SERIES = 10_000;

/** Bands are a function of their history: without the cache they are made each time. */
export function createKnownHourBands(): KnownHourBands {
  const known = new Map<string, { mark: string; bands: Map<SeriesName, DaysOfBands> }>();
  const size = () => [...known.values()].reduce((sum, { bands }) => sum + bands.size, 0);
  return {
    of(organizationId, mark) {
      const found = known.get(organizationId);
      if (found?.mark === mark) return found.bands;
      if (size() >= MAX_SERIES) known.clear();
      const bands = new Map<SeriesName, DaysOfBands>();
      known.set(organizationId, { mark, bands });
      return bands;
    },
  };
}
