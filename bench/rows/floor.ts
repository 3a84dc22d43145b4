import type { Bench } from '../harness/bench.ts';
import { interleave, median } from '../harness/statistics.ts';

const CONNECTIONS = 50;

/** What node:http alone does on this machine: the ceiling of everything below. */
export async function floor(bench: Bench): Promise<void> {
  const target = await bench.floor();
  const { shots } = await interleave(bench.rounds, { shots: () => bench.shoot(target, { connections: CONNECTIONS }) });
  bench.report({
    row: 'floor',
    what: `node:http POST, JSON, ${CONNECTIONS} connections`,
    value: median(shots.map(({ eventsPerSecond }) => eventsPerSecond)),
    unit: 'requests/s',
    latencyMs: { p50: median(shots.map(({ p50Ms }) => p50Ms)), p99: median(shots.map(({ p99Ms }) => p99Ms)) },
    cpuMicroseconds: shots.at(-1)?.cpuMicroseconds ?? null,
  });
}
