import type { Bench } from '../harness/bench.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { figure } from '../harness/report.ts';
import type { Measured } from '../harness/shoot.ts';
import { interleave, median } from '../harness/statistics.ts';
import { describeTally, summarizeShots } from '../harness/summarize-shots.ts';
import { openSockets } from '../subscriptions/open-sockets.ts';

const LISTENERS = 100;
const WARMUP_MS = 3_000;
const LOADS = [
  { what: 'POST /v1/usage, 50 connections', shot: { connections: 50 } },
  { what: 'batches of 1,000, 4 connections', shot: { kind: 'batch', connections: 4, batchSize: 1_000 } },
] as const;

/**
 * What subscribers cost those who record: an organization with 100 of them, whose budgets are not
 * crossed, against one with none, in turns, on the same server. The ratio is the median of those of the
 * rounds, over the CPU of the server and of PostgreSQL.
 */
export async function listeners(bench: Bench): Promise<void> {
  const meterr = await bench.meterr();
  const alone = await createOrganization(meterr, 'listeners: none');
  const followed = await createOrganization(meterr, `listeners: ${LISTENERS}`);
  const sockets = await openSockets(followed, LISTENERS);
  for (const { what, shot } of LOADS) {
    for (const one of [alone, followed]) await bench.shoot(one, { ...shot, measureMs: 0, warmupMs: WARMUP_MS });
    const shots = await interleave(bench.rounds, {
      alone: () => bench.shoot(alone, shot),
      followed: () => bench.shoot(followed, shot),
    });
    const cpuOf = ({ cpuMicroseconds: cpu }: Measured) => (cpu ? cpu.server + cpu.postgres : Number.NaN);
    const without = summarizeShots(shots.alone);
    const measured = summarizeShots(shots.followed);
    bench.report({
      ...measured,
      row: 'listeners',
      what: `CPU of both with ${LISTENERS} subscribers, ${what}`,
      value: median(shots.followed.map(cpuOf)),
      unit: 'us/event',
      against: { what: 'none', value: median(shots.alone.map(cpuOf)) },
      ratio: median(shots.followed.map((shot, i) => cpuOf(shot) / cpuOf(shots.alone[i] as Measured))),
      wanted: 'at most 1.1x',
      note: `${figure(measured.value)} events/s, ${figure(without.value)} without; ${describeTally(shots.followed)}`,
    });
  }
  await sockets.stop();
}
