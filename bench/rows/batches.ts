import type { Bench } from '../harness/bench.ts';
import { restEvent } from '../harness/events.ts';
import type { Measured, Target } from '../harness/shoot.ts';
import { interleave, median } from '../harness/statistics.ts';
import { describeTally, summarizeShots } from '../harness/summarize-shots.ts';
import { type CopyBaseline, openCopyBaseline } from './copy-baseline.ts';

const BATCH = 1_000;
const LINES = 10_000;
/** A request of 10,000 lines takes a second or so on a small machine: at least a few must fit. */
const NDJSON_MS = 6_000;

async function takesNdjson({ port, key }: Target): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/usage`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/x-ndjson' },
    body: `${restEvent(`probe-${process.pid}`, 0)}\n`,
  });
  await response.text();
  return response.ok;
}

/** Batches, against one connection's COPY into a table of the same columns and indexes. */
export async function batches(bench: Bench): Promise<void> {
  const ours = await bench.meterr();
  const copy: CopyBaseline = await openCopyBaseline(bench.postgres.connectionString);
  try {
    const shot = (kind: 'batch' | 'ndjson', connections: number) => () => {
      const size = kind === 'batch' ? { batchSize: BATCH } : { batchSize: LINES, measureMs: NDJSON_MS };
      return bench.shoot(ours, { kind, connections, ...size });
    };
    const ndjson = await takesNdjson(ours);
    if (!ndjson) bench.skip('batches: NDJSON', 'the route does not take application/x-ndjson yet');
    await shot('batch', 2)();
    await copy.measure();
    const measurements: Record<string, () => Promise<Measured | number>> = {
      copy: () => copy.measure(),
      'batches of 1,000, 1 connection': shot('batch', 1),
      'batches of 1,000, 4 connections': shot('batch', 4),
      ...(ndjson ? { 'NDJSON of 10,000 lines, 1 connection': shot('ndjson', 1) } : {}),
    };
    const { copy: copied = [], ...shots } = await interleave(bench.rounds, measurements);
    const rate = median(copied as number[]);
    const row = { row: 'batches', unit: 'events/s' };
    bench.report({ ...row, what: 'baseline: COPY, 1 connection, same columns and indexes', value: rate });
    for (const [what, results] of Object.entries(shots)) {
      const measured = summarizeShots(results as Measured[]);
      const against = { what: 'COPY', value: rate };
      const note = describeTally(results as Measured[]);
      bench.report({ ...row, what, ...measured, against, ratio: measured.value / rate, wanted: '0.5x', note });
    }
  } finally {
    await copy.close();
  }
}
