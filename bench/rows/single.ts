import type { Bench } from '../harness/bench.ts';
import { interleave } from '../harness/statistics.ts';
import { describeTally, summarizeShots } from '../harness/summarize-shots.ts';

const WANTED: Record<number, string> = { 1: 'p50 within 1.3x', 50: '1.8x', 200: '3x' };

/** `POST /v1/usage`, one event a request, against one INSERT a request on the same PostgreSQL. */
export async function single(bench: Bench): Promise<void> {
  const ours = await bench.meterr();
  const baseline = await bench.baseline();
  // The lone connection last: by then both servers' code is compiled, which a few hundred requests
  // a second leave undone.
  for (const connections of [200, 50, 1]) {
    const shots = await interleave(bench.rounds, {
      baseline: () => bench.shoot(baseline, { connections }),
      ours: () => bench.shoot(ours, { connections }),
    });
    const theirs = summarizeShots(shots.baseline);
    const row = { row: 'single', unit: 'events/s' };
    const label = `${connections} connection${connections > 1 ? 's' : ''}`;
    bench.report({ ...row, what: `baseline: one INSERT a request, ${label}`, ...theirs });
    const measured = summarizeShots(shots.ours);
    bench.report({
      ...row,
      what: `POST /v1/usage, ${label}`,
      ...measured,
      against: { what: 'baseline', value: theirs.value },
      ratio: measured.value / theirs.value,
      wanted: WANTED[connections],
      note: describeTally(shots.ours),
    });
  }
}
