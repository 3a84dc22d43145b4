import type { LoadKind } from './events.ts';

/** What a load client is to do. */
export interface LoadJob {
  port: number;
  key: string;
  kind: LoadKind;
  /** Begins every event id of this load. */
  run: string;
  connections: number;
  /** Events a request: 1, but for batches. */
  batchSize: number;
  /** Before the measurement; not in the rate, but in what is counted afterwards. */
  warmupMs: number;
  measureMs: number;
}

/** What a load client saw. */
export interface LoadResult {
  /** Answered within the measured time, repeats included. */
  requests: number;
  eventsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Different event ids that got a 2xx, from the first request to the last. */
  acknowledged: number;
  /** Requests that repeated an id (or batches' items that did). */
  repeats: number;
  /** Answers that were not 2xx, or said `errors`. */
  failures: number;
  firstFailure: string | null;
  clientCpuSeconds: number;
}
