import type { Correction } from './read-corrections.ts';
import type { SourceData } from './source-data.ts';

/** Everything that a catalog is made of. */
export interface Sources {
  genai: SourceData;
  litellm: SourceData;
  corrections: readonly Correction[];
  /** When the sources are compared, in epoch milliseconds: the day on which they were read. */
  atMs?: number;
}
