import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricHistogram, MetricSource, PrintedMetrics } from './metric-source.ts';
import type { RequestMetrics, RouteMeter } from './request-metrics.ts';
import type { Tally } from './tally.ts';

interface Labelled {
  labels: Record<string, string>;
  tally: Tally;
}

/** A histogram whose counts are kept elsewhere and only printed here. */
class TallyHistogram extends Histogram {
  readonly #read: () => Labelled[];
  readonly #name: string;
  readonly #help: string;

  constructor(name: string, help: string, read: () => Labelled[]) {
    super({ name, help, registers: [] });
    this.#read = read;
    this.#name = name;
    this.#help = help;
  }

  /** Takes the place of a method that the registry prefers, which prints the counts of the base. */
  getForPromString() {
    const values = this.#read().flatMap((one) => this.#valuesOf(one));
    return Promise.resolve({ name: this.#name, help: this.#help, type: 'histogram', values });
  }

  #valuesOf({ labels, tally }: Labelled) {
    const name = this.#name;
    let below = 0;
    const buckets = tally.counts.map((count, index) => {
      below += count;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: tally.bounds[index] ?? '+Inf' }, value: below };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: tally.sum },
      { metricName: `${name}_count`, labels, value: below },
    ];
  }
}

const labelsOf = ({ method, route }: RouteMeter) => ({ method, route });

function addRequests(registry: Registry, requests: RequestMetrics): void {
  new Counter({
    name: 'meterr_http_requests_total',
    help: 'Answers over HTTP, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const meter of requests.meters()) {
        for (const [status, count] of meter.statuses) this.inc({ ...labelsOf(meter), status }, count);
      }
    },
  });
  const help = 'Time from the request until its answer begins, by method and route.';
  registry.registerMetric(
    new TallyHistogram('meterr_http_request_seconds', help, () =>
      [...requests.meters()].map((meter) => ({ labels: labelsOf(meter), tally: meter.seconds })),
    ),
  );
}

/** `set` for a gauge, `inc` from zero for a counter. */
async function readInto({ read, label }: MetricSource, put: (labels: object, value: number) => void): Promise<void> {
  const reading = await read();
  if (reading === null) return;
  if (typeof reading === 'number') return put({}, reading);
  if ('get' in reading) {
    for (const [value, count] of reading) put({ [String(label ?? 'value')]: value }, count);
    return;
  }
  for (const { labels, value } of reading) put(labels, value);
}

function addSource(registry: Registry, source: MetricSource): void {
  const { name, help, label } = source;
  const configuration = { name, help, labelNames: label ? [label].flat() : [], registers: [registry] };
  if (name.endsWith('_total')) {
    new Counter({
      ...configuration,
      async collect() {
        this.reset();
        await readInto(source, (labels, value) => this.inc(labels, value));
      },
    });
    return;
  }
  new Gauge({
    ...configuration,
    async collect() {
      this.reset();
      // Without labels it starts at 0, and what is not known must not be printed as that.
      if (!label) this.remove();
      await readInto(source, (labels, value) => this.set(labels, value));
    },
  });
}

export interface PrinterParts {
  requests: RequestMetrics;
  sources: ReadonlyMap<string, MetricSource>;
  histograms: ReadonlyMap<string, MetricHistogram>;
}

/** Prints what the parts hold at that moment. What was added since the last print is printed too. */
export function createPrinter({ requests, sources, histograms }: PrinterParts): { print(): Promise<PrintedMetrics> } {
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return {
    async print() {
      const registry = new Registry();
      addRequests(registry, requests);
      for (const source of sources.values()) addSource(registry, source);
      for (const { name, help, tally } of histograms.values()) {
        registry.registerMetric(new TallyHistogram(name, help, () => [{ labels: {}, tally }]));
      }
      const text = await registry.metrics();
      return { contentType: registry.contentType, text: `${text}${await ofProcess.metrics()}` };
    },
  };
}
