import { newUuid } from '../../src/platform/ids.ts';
import type { Bench } from '../harness/bench.ts';
import { openClient } from '../harness/copy-in.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { BUDGET, HOLD, hold, timeFor } from '../harness/hold.ts';
import { openCaller } from '../harness/http-caller.ts';
import { interleave, median, quantile } from '../harness/statistics.ts';

const WARMUP_MS = 8_000;

/**
 * A hold against a blocking budget, one caller, against what any durable write costs: one INSERT
 * and its commit.
 */
export async function holds(bench: Bench): Promise<void> {
  const organization = await createOrganization(await bench.meterr(), 'holds');
  const caller = await openCaller(organization);
  const floor = await openCaller(await bench.floor());
  const sql = await openClient(bench.postgres.connectionString);
  await sql.query('CREATE TABLE bench_commits (id uuid PRIMARY KEY, amount numeric, at timestamptz)');
  const insert = { name: 'commit', text: 'INSERT INTO bench_commits VALUES ($1, 0.006, now())' };
  const commit = () => sql.query({ ...insert, values: [newUuid()] }).then(() => null);
  const post = () => floor.call('POST', '/', HOLD).then(() => null);
  try {
    await caller.call('POST', '/v1/budgets', BUDGET);
    // A few hundred holds a second leave much code uncompiled for a while.
    await timeFor(WARMUP_MS, () => hold(caller));
    const shots = await interleave(bench.rounds, {
      commit: () => timeFor(bench.measureMs, commit),
      floor: () => timeFor(bench.measureMs / 2, post),
      hold: () => timeFor(2 * bench.measureMs, () => hold(caller)),
    });
    const [bare, http, held] = [shots.commit.flat(), shots.floor.flat(), shots.hold.flat()];
    const row = { row: 'holds', unit: 'ms' };
    const latencyOf = (ms: number[]) => ({ p50: median(ms), p99: quantile(ms, 0.99) });
    bench.report({ ...row, what: 'baseline: one INSERT, committed', value: median(bare), latencyMs: latencyOf(bare) });
    bench.report({ ...row, what: 'a POST to node:http alone', value: median(http), latencyMs: latencyOf(http) });
    const value = median(held);
    const withoutHttp = (value - median(http)) / median(bare);
    bench.report({
      ...row,
      what: 'POST /v1/usage/holds, a blocking budget, 1 connection',
      value,
      latencyMs: latencyOf(held),
      against: { what: 'a commit', value: median(bare) },
      ratio: value / median(bare),
      wanted: 'under 3x',
      note: `less what node:http alone takes: ${withoutHttp.toFixed(2)}x; ${held.length} holds, each released`,
    });
  } finally {
    caller.close();
    floor.close();
    await sql.query('DROP TABLE bench_commits');
    await sql.end();
  }
}
