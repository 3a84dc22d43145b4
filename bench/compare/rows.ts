import type { Shot } from '../harness/shoot.ts';
import { measureLoad, openHolds, type Sample, type Version } from './version.ts';

/** One line of a row: a load that both versions get. */
export interface Load {
  what: string;
  /** What is counted: `event` or `hold`. */
  unit: string;
  /** Whether its latency says something: one request at a time. */
  hasLatency: boolean;
  /** Makes a version ready, and returns what measures it once. */
  open(version: Version, measureMs: number): Promise<() => Promise<Sample>>;
}

/** A request of 10,000 lines takes a second or so on a small machine: at least a few must fit. */
const NDJSON_MS = 6_000;
const WARMUP_MS = 1_500;

function load(what: string, shot: Omit<Shot, 'measureMs' | 'warmupMs'>, measureAtLeastMs = 0): Load {
  const { kind = 'rest', connections } = shot;
  return {
    what: `${what}, ${connections} connection${connections > 1 ? 's' : ''}`,
    unit: 'event',
    hasLatency: connections === 1 && kind === 'rest',
    async open(version, ms) {
      await measureLoad(version, { ...shot, measureMs: 0, warmupMs: WARMUP_MS });
      return () => measureLoad(version, { ...shot, measureMs: Math.max(ms, measureAtLeastMs) });
    },
  };
}

const holds: Load = {
  what: 'POST /v1/usage/holds and its release, 1 connection',
  unit: 'hold',
  hasLatency: true,
  async open(version, ms) {
    const measure = await openHolds(version);
    return () => measure(2 * ms);
  },
};

/** What the rows of the same names of the bench ask of our server, without their baselines. */
export const ROWS: ReadonlyMap<string, readonly Load[]> = new Map([
  // The lone connection last: by then the code is compiled, which a few hundred requests a second
  // leave undone.
  ['single', [200, 50, 1].map((connections) => load('POST /v1/usage', { connections }))],
  ['graphql', [50, 200].map((connections) => load('GraphQL recordUsage', { kind: 'graphql', connections }))],
  [
    'batches',
    [
      load('batches of 1,000', { kind: 'batch', connections: 4, batchSize: 1_000 }),
      load('NDJSON of 10,000 lines', { kind: 'ndjson', connections: 1, batchSize: 10_000 }, NDJSON_MS),
    ],
  ],
  ['holds', [holds]],
]);
