import { createRequestMetrics, type RequestMetrics } from './request-metrics.ts';
import type { Tally } from './tally.ts';

/** A value, or one for each value of the label; null: not known now, so it is left out. */
export type Reading = number | ReadonlyMap<string, number> | null;

/** A figure that is read when somebody asks, so that it costs nothing before. */
export interface MetricSource {
  /** Units last, as Prometheus wants it: `_seconds`, `_bytes`; counters end in `_total`. */
  name: `meterr_${string}`;
  help: string;
  /** The name of the label, where `read` gives a map. */
  label?: string;
  read(): Reading | Promise<Reading>;
}

export interface MetricHistogram {
  name: `meterr_${string}`;
  help: string;
  tally: Tally;
}

/** What this process counts, and the text that Prometheus reads. */
export interface Metrics {
  requests: RequestMetrics;
  /** Adds a figure. One with the same name is replaced. */
  add(source: MetricSource): void;
  addHistogram(histogram: MetricHistogram): void;
  /** The text of all figures, with those of the process itself. */
  print(): Promise<{ contentType: string; text: string }>;
}

/**
 * Starts with all counts at zero. `prom-client` is loaded at the first `print`, and counts the
 * garbage collections and the delays of the event loop from then on: a server that nobody scrapes
 * pays for neither.
 */
export function createMetrics(): Metrics {
  const requests = createRequestMetrics();
  const sources = new Map<string, MetricSource>();
  const histograms = new Map<string, MetricHistogram>();
  let printer: Promise<{ print: Metrics['print'] }> | null = null;
  return {
    requests,
    add: (source) => void sources.set(source.name, source),
    addHistogram: (histogram) => void histograms.set(histogram.name, histogram),
    async print() {
      printer ??= import('./prometheus.ts').then(({ createPrinter }) =>
        createPrinter({ requests, sources, histograms }),
      );
      return (await printer).print();
    },
  };
}
