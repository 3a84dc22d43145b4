import type { MetricHistogram, MetricSource, PrintedMetrics } from './metric-source.ts';
import { createRequestMetrics, type RequestMetrics } from './request-metrics.ts';

/** What this process counts, and the text that Prometheus reads. */
export interface Metrics {
  requests: RequestMetrics;
  /** Adds a figure. One with the same name is replaced. */
  add(source: MetricSource): void;
  addHistogram(histogram: MetricHistogram): void;
  /** The text of all figures, with those of the process itself. */
  print(): Promise<PrintedMetrics>;
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
  let printer: Promise<{ print(): Promise<PrintedMetrics> }> | null = null;
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
