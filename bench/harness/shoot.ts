import type pg from 'pg';
import type { Child } from './child.ts';
import { cpuSpentDuring } from './cpu.ts';
import type { LoadKind } from './events.ts';
import type { LoadResult } from './load-job.ts';
import { runLoad } from './run-load.ts';
import { verifyLoad } from './verify.ts';

/** A server that takes usage: ours, the baseline, or the floor. */
export interface Target {
  name: string;
  port: number;
  key: string;
  process: Child;
  /** Where its events lie; null: nowhere. */
  pool: pg.Pool | null;
}

export interface Shot {
  kind?: LoadKind;
  connections: number;
  batchSize?: number;
  measureMs: number;
  warmupMs?: number;
}

/** A load's result with what each part of the machine spent on it. */
export interface Measured extends LoadResult {
  cpuMicroseconds: { server: number; postgres: number; client: number } | null;
}

const WARMUP_MS = 500;
const FIRST_WARMUP_MS = 5_000;
let runs = 0;

/**
 * Puts a load on a target and counts afterwards what is on disk. @throws Error when anything is
 * lost or doubled
 */
export async function shoot(target: Target, postgresPid: number, shot: Shot): Promise<Measured> {
  const run = `r${process.pid}x${++runs}`;
  const { port, key } = target;
  const { kind = 'rest', connections, batchSize = 1, measureMs, warmupMs = WARMUP_MS } = shot;
  const { result, seconds } = await cpuSpentDuring([target.process.pid, postgresPid], () =>
    runLoad({ port, key, kind, run, connections, batchSize, warmupMs, measureMs }),
  );
  if (target.pool) await verifyLoad(target.pool, run, result.acknowledged);
  const events = result.acknowledged + (batchSize === 1 ? result.repeats : 0);
  const perEvent = (spent = Number.NaN) => (spent / events) * 1e6;
  const [server, postgres] = seconds ?? [];
  const cpu = { server: perEvent(server), postgres: perEvent(postgres), client: perEvent(result.clientCpuSeconds) };
  return { ...result, cpuMicroseconds: seconds && cpu };
}

/** The first load on a server that has just started, after which its code is compiled. */
export async function warmUp(target: Target, postgresPid: number): Promise<void> {
  await shoot(target, postgresPid, { connections: 100, measureMs: 0, warmupMs: FIRST_WARMUP_MS });
}
