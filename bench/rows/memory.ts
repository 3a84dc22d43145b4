import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../harness/bench.ts';
import { residentBytes } from '../harness/cpu.ts';
import { median, slope } from '../harness/statistics.ts';
import { describeTally } from '../harness/summarize-shots.ts';

const CONNECTIONS = 200;
const WARMUP_MS = 10_000;
const SAMPLE_EVERY_MS = 500;
const EDGE = 10;
const MEGABYTE = 1e6;

interface Sample {
  minutes: number;
  megabytes: number;
}

/** What the server holds of the machine's memory over minutes of a steady load. */
export async function memory(bench: Bench): Promise<void> {
  const target = await bench.meterr();
  await bench.shoot(target, { connections: CONNECTIONS, measureMs: 0, warmupMs: WARMUP_MS });
  if ((await residentBytes(target.process.pid)) === null) return bench.skip('memory', 'there is no /proc here');

  const samples: Sample[] = [];
  let running = true;
  const shot = bench
    .shoot(target, { connections: CONNECTIONS, warmupMs: 0, measureMs: bench.options.minutes * 60_000 })
    .finally(() => {
      running = false;
    });
  const startMs = performance.now();
  while (running) {
    const bytes = await residentBytes(target.process.pid);
    if (bytes) samples.push({ minutes: (performance.now() - startMs) / 60_000, megabytes: bytes / MEGABYTE });
    await Promise.race([shot.catch(() => {}), sleep(SAMPLE_EVERY_MS)]);
  }
  const measured = await shot;

  const sizes = samples.map(({ megabytes }) => megabytes);
  const start = median(sizes.slice(0, EDGE));
  const end = median(sizes.slice(-EDGE));
  const slopeOf = (some: Sample[]) => slope(some.map(({ minutes, megabytes }) => [minutes, megabytes])).toFixed(1);
  const later = samples.slice(samples.length / 2);
  const most = Math.max(...sizes);
  bench.report({
    row: 'memory',
    what: `RSS after ${bench.options.minutes} min of POST /v1/usage, ${CONNECTIONS} connections`,
    value: end,
    unit: 'MB',
    against: { what: 'at the start', value: start },
    ratio: end / start,
    wanted: 'flat',
    note: `slope ${slopeOf(samples)} MB/min, of the second half ${slopeOf(later)}; most ${Math.round(most)} MB; ${describeTally([measured])}`,
  });
}
