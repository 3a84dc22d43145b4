import { join } from 'node:path';
import pg from 'pg';
import { cpuSpentDuring } from '../harness/cpu.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { BUDGET, hold, timeFor } from '../harness/hold.ts';
import { openCaller } from '../harness/http-caller.ts';
import { type Shot, shoot, type Target, warmUp } from '../harness/shoot.ts';
import { startMeterr } from '../harness/start-meterr.ts';
import { median } from '../harness/statistics.ts';
import { findPostmaster } from './postmaster.ts';

/**
 * What one measurement saw. CPU in microseconds per event, or per hold that was made and released.
 */
export interface Sample {
  server: number;
  postgres: number;
  perSecond: number;
  p50Ms: number;
  /** Events acknowledged and found in the database once, or holds made and released. */
  counted: number;
}

/** A version of the server: one process, with a PostgreSQL of its own. */
export interface Version {
  target: Target;
  postgresPid: number;
  close(): Promise<void>;
}

const HOLDS_WARMUP_MS = 8_000;

/** Starts the server of a checkout on an empty data folder, and warms it up. */
export async function startVersion(name: string, root: string, dataDir: string): Promise<Version> {
  const started = await startMeterr({ root, dataDir });
  const postmaster = await findPostmaster(dataDir);
  if (!postmaster) {
    await started.process.stop();
    throw new Error(`The server of ${root} runs, but ${join(dataDir, 'postgres/data')} has no running PostgreSQL.`);
  }
  const pool = new pg.Pool({ connectionString: postmaster.connectionString, max: 2 });
  pool.on('error', () => {});
  const target = { ...started, name, pool };
  await warmUp(target, postmaster.pid);
  return { target, postgresPid: postmaster.pid, close: () => pool.end() };
}

/** Puts a load on a version. @throws Error when an event is lost or doubled */
export async function measureLoad({ target, postgresPid }: Version, shot: Shot): Promise<Sample> {
  const { eventsPerSecond, p50Ms, acknowledged, cpuMicroseconds } = await shoot(target, postgresPid, shot);
  const { server = Number.NaN, postgres = Number.NaN } = cpuMicroseconds ?? {};
  return { server, postgres, perSecond: eventsPerSecond, p50Ms, counted: acknowledged };
}

/**
 * Makes ready to time holds, one caller, in an organization with one blocking budget. Returns what
 * measures them.
 */
export async function openHolds({ target, postgresPid }: Version): Promise<(measureMs: number) => Promise<Sample>> {
  const caller = await openCaller(await createOrganization(target, 'holds'));
  await caller.call('POST', '/v1/budgets', BUDGET);
  await timeFor(HOLDS_WARMUP_MS, () => hold(caller));
  return async (measureMs) => {
    const startMs = performance.now();
    const pids = [target.process.pid, postgresPid];
    const { result, seconds } = await cpuSpentDuring(pids, () => timeFor(measureMs, () => hold(caller)));
    const perSecond = result.length / ((performance.now() - startMs) / 1000);
    const [server = Number.NaN, postgres = Number.NaN] = seconds?.map((spent) => (spent / result.length) * 1e6) ?? [];
    return { server, postgres, perSecond, p50Ms: median(result), counted: result.length };
  };
}
