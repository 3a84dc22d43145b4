import type { Correction } from './read-corrections.ts';
import type { SourceData } from './sheets/source-data.ts';

/** Everything that a catalog is made of. */
export interface Sources {
  genai: SourceData;
  litellm: SourceData;
  corrections: readonly Correction[];
  /** When the sources are compared, in epoch milliseconds: the day on which they were read. */
  atMs?: number;
}

/** The day of the sources that Meterr ships: of two catalogs the later one is the newer. */
export const SHIPPED_AT_MS = Date.UTC(2026, 10, 27, 12);
