/** A line of `prices/corrections.json`, checked. */
export interface Correction {
  provider: string;
  models: string[];
  /** When somebody of Meterr wrote it, `YYYY-MM-DD`. */
  date: string;
  /** The public address, or `owner/repository#issue`, that states it. */
  source: string;
  why: string;
}

/**
 * Reads the parsed `prices/corrections.json`.
 * @throws Error that names the line and the field when one is invalid
 */
export function readCorrections(_json: unknown): Correction[] {
  return [];
}
