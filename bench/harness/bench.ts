import pg from 'pg';
import type { EmbeddedPostgres } from '../../src/platform/embedded-postgres/embedded-postgres.ts';
import { CORES, startChild } from './child.ts';
import type { Measurement } from './report.ts';
import { type Measured, type Shot, shoot, type Target, warmUp } from './shoot.ts';

export interface BenchOptions {
  quick: boolean;
  big: boolean;
  /** Of the memory row. */
  minutes: number;
  /** After so long the tenants row cancels a fold. */
  foldSeconds: number;
}

export type StartedMeterr = Omit<Target, 'name' | 'pool'>;

/** A shot that may leave its length to the bench. */
export type BenchShot = Omit<Shot, 'measureMs'> & { measureMs?: number };

/** What a row may use. */
export interface Bench {
  options: BenchOptions;
  rounds: number;
  measureMs: number;
  postgres: EmbeddedPostgres;
  /** Our server, the baseline, node:http: each started when first asked for. */
  meterr(): Promise<Target>;
  /**
   * Our server once more, over another database of the same PostgreSQL; whoever starts it stops it.
   */
  startMeterr(database: string, env?: Record<string, string>): Promise<StartedMeterr>;
  baseline(): Promise<Target>;
  floor(): Promise<Target>;
  /**
   * Puts a load on a target and counts afterwards what is on disk. @throws Error when anything is
   * lost or doubled
   */
  shoot(target: Target, shot: BenchShot): Promise<Measured>;
  report(measurement: Measurement): void;
  skip(row: string, why: string): void;
}

const BASELINE_KEY = 'baseline-key-of-this-bench';

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

/** The connection string of another database of the same server. */
export function databaseOf(connectionString: string, name: string): string {
  const url = new URL(connectionString);
  url.pathname = `/${name}`;
  return url.href;
}

export interface BenchParts {
  options: BenchOptions;
  postgres: EmbeddedPostgres;
  startMeterr: (database?: string, env?: Record<string, string>) => Promise<StartedMeterr>;
  report: Bench['report'];
  skip: Bench['skip'];
}

/** Joins the parts; the second value closes the connections that were opened. */
export function createBench(parts: BenchParts): { bench: Bench; close(): Promise<void> } {
  const { options, postgres } = parts;
  const pools: pg.Pool[] = [];
  const openPool = (connectionString: string) => {
    const pool = new pg.Pool({ connectionString, max: 4 });
    pool.on('error', () => {});
    pools.push(pool);
    return pool;
  };

  async function warm(target: Target): Promise<Target> {
    await warmUp(target, postgres.pid);
    return target;
  }

  const bench: Bench = {
    options,
    rounds: options.quick ? 3 : 5,
    measureMs: options.quick ? 1_500 : 3_000,
    postgres,
    shoot: (target, shot) => shoot(target, postgres.pid, { measureMs: bench.measureMs, ...shot }),
    startMeterr: parts.startMeterr,
    report: parts.report,
    skip: parts.skip,
    meterr: once(async () => {
      const started = await parts.startMeterr();
      return warm({ ...started, name: 'meterr', pool: openPool(postgres.connectionString) });
    }),
    baseline: once(async () => {
      const connectionString = databaseOf(postgres.connectionString, 'baseline');
      await openPool(postgres.connectionString).query('CREATE DATABASE baseline');
      const env = { BASELINE_DATABASE: connectionString, BASELINE_KEY };
      const process = startChild({ script: 'bench/baseline/server.ts', env, core: CORES.server });
      const port = Number((await process.waitFor(/listening on (\d+)/))[1]);
      return warm({ name: 'baseline', port, key: BASELINE_KEY, process, pool: openPool(connectionString) });
    }),
    floor: once(async () => {
      const process = startChild({ script: 'bench/baseline/floor.ts', core: CORES.server });
      const port = Number((await process.waitFor(/listening on (\d+)/))[1]);
      return warm({ name: 'node:http', port, key: BASELINE_KEY, process, pool: null });
    }),
  };
  return {
    bench,
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}
