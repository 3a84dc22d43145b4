import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Bench, databaseOf } from '../harness/bench.ts';
import { cpuSeconds } from '../harness/cpu.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { figure } from '../harness/report.ts';
import type { Measured, Target } from '../harness/shoot.ts';
import { hasRedis, type StartedRedis, startRedis } from '../harness/start-redis.ts';
import { interleave, median } from '../harness/statistics.ts';
import { describeTally, summarizeShots } from '../harness/summarize-shots.ts';

const CONNECTIONS = 50;
const WARMUP_MS = 3_000;
/** So that the limit is counted and never met. */
const PLAN_REQUESTS = 'pro:1000000000';
const STORES = [
  { store: 'memory', wanted: '1.15x' },
  { store: 'redis', wanted: '1.3x' },
  { store: 'postgres', wanted: '1.3x' },
];

type WithRedis = Measured & { redisMicroseconds: number };

/** A load, and what Redis spent on each of its events. */
async function shootBeside(bench: Bench, target: Target, redis: StartedRedis | null): Promise<WithRedis> {
  const read = async () => (redis && (await cpuSeconds(redis.pid))) ?? Number.NaN;
  const before = await read();
  const shot = await bench.shoot(target, { connections: CONNECTIONS });
  const events = shot.acknowledged + shot.repeats;
  return { ...shot, redisMicroseconds: (((await read()) - before) / events) * 1e6 };
}

async function measureStore(bench: Bench, { store, wanted }: (typeof STORES)[number], redis: StartedRedis | null) {
  const name = `limits_${store}`;
  const client = new pg.Client({ connectionString: bench.postgres.connectionString });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`).finally(() => client.end());
  const started = await bench.startMeterr(name, {
    METERR_RATE_LIMIT_STORE: store,
    METERR_PLAN_REQUESTS: PLAN_REQUESTS,
    ...(redis ? { REDIS_URL: redis.url } : {}),
  });
  const pool = new pg.Pool({ connectionString: databaseOf(bench.postgres.connectionString, name), max: 2 });
  try {
    const target = { ...started, name, pool };
    const unlimited = await createOrganization(target, 'limits: enterprise');
    const limited = await createOrganization(target, 'limits: pro', 'pro');
    for (const one of [unlimited, limited]) {
      await bench.shoot(one, { connections: CONNECTIONS, measureMs: 0, warmupMs: WARMUP_MS });
    }
    const shots = await interleave(bench.rounds, {
      unlimited: () => shootBeside(bench, unlimited, redis),
      limited: () => shootBeside(bench, limited, redis),
    });
    const cpuOf = ({ cpuMicroseconds }: Measured) => cpuMicroseconds?.server ?? Number.NaN;
    const ratio = median(shots.limited.map((shot, i) => cpuOf(shot) / cpuOf(shots.unlimited[i] as Measured)));
    const without = summarizeShots(shots.unlimited);
    const measured = summarizeShots(shots.limited);
    const rates = `${figure(measured.value)} events/s, ${figure(without.value)} without`;
    const ofRedis = redis ? `, Redis ${figure(median(shots.limited.map((shot) => shot.redisMicroseconds)))} us` : '';
    bench.report({
      ...measured,
      row: 'limits',
      what: `CPU of the server, limits in ${store}, ${CONNECTIONS} connections`,
      value: measured.cpuMicroseconds.server,
      unit: 'us/event',
      against: { what: 'no limit', value: without.cpuMicroseconds.server },
      ratio,
      wanted,
      note: `PostgreSQL without: ${figure(without.cpuMicroseconds.postgres)} us${ofRedis}; ${rates}; ${describeTally(shots.limited)}`,
    });
  } finally {
    await started.process.stop();
    await pool.end();
    // A process that ended still holds its connections for a moment.
    await sleep(100);
  }
}

/**
 * What a plan with a limit costs `POST /v1/usage`, for each store: an organization whose requests are
 * counted against one whose are not, in turns, on the same server. The ratio is the median of those
 * of the rounds.
 */
export async function limits(bench: Bench): Promise<void> {
  for (const one of STORES) {
    if (one.store !== 'redis') {
      await measureStore(bench, one, null);
      continue;
    }
    if (!hasRedis()) {
      bench.skip('limits in redis', 'redis-server is not installed');
      continue;
    }
    const redis = await startRedis(bench.postgres.folder);
    await measureStore(bench, one, redis).finally(redis.stop);
  }
}
