import type { Tally } from './tally.ts';

/** A value of a figure that has several labels. */
export interface LabelledValue {
  labels: Record<string, string>;
  value: number;
}

/**
 * A value, or one for each value of the label, or of several labels; null: not known now, so it is
 * left out.
 */
export type Reading = number | ReadonlyMap<string, number> | readonly LabelledValue[] | null;

/** A figure that is read when somebody asks, so that it costs nothing before. */
export interface MetricSource {
  /** Units last, as Prometheus wants it: `_seconds`, `_bytes`; counters end in `_total`. */
  name: `meterr_${string}`;
  help: string;
  /** The name of the label, where `read` gives a map; the names of all, where it gives a list. */
  label?: string | readonly string[];
  read(): Reading | Promise<Reading>;
}

export interface MetricHistogram {
  name: `meterr_${string}`;
  help: string;
  tally: Tally;
}

/** The text that Prometheus reads. */
export interface PrintedMetrics {
  contentType: string;
  text: string;
}
