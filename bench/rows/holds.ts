import { newUuid } from '../../src/platform/ids.ts';
import type { Bench } from '../harness/bench.ts';
import { openClient } from '../harness/copy-in.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { type HttpCaller, openCaller } from '../harness/http-caller.ts';
import { interleave, median, quantile } from '../harness/statistics.ts';

const CALLS = 200;
const BUDGET = { name: 'Everything', amount: '1000000', period: 'month', action: 'block' };
const HOLD = { provider: 'openai', model: 'gpt-4o', input_tokens: 1_200, max_output_tokens: 300, user_id: 'user-10' };

/** Latencies of calls one after another. Every hold is given back, untimed: a caller settles or releases his. */
async function timeHolds(caller: HttpCaller): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const { body, ms } = await caller.call('POST', '/v1/usage/holds', HOLD);
    const hold = JSON.parse(body) as { id: string; budgets: unknown[] };
    if (hold.budgets.length !== 1) throw new Error(`a hold met ${hold.budgets.length} budgets: ${body}`);
    latenciesMs.push(ms);
    await caller.call('DELETE', `/v1/usage/holds/${hold.id}`);
  }
  return latenciesMs;
}

/** A hold against a blocking budget, one caller, against what any durable write costs: one INSERT and its commit. */
export async function holds(bench: Bench): Promise<void> {
  const organization = await createOrganization(await bench.meterr(), 'holds');
  const caller = await openCaller(organization);
  const floor = await openCaller(await bench.floor());
  const sql = await openClient(bench.postgres.connectionString);
  await sql.query('CREATE TABLE bench_commits (id uuid PRIMARY KEY, amount numeric, at timestamptz)');
  const commit = () =>
    sql.query({ name: 'commit', text: 'INSERT INTO bench_commits VALUES ($1, 0.006, now())', values: [newUuid()] });
  const time = async (call: () => Promise<unknown>) => {
    const latenciesMs: number[] = [];
    for (let i = 0; i < CALLS; i++) {
      const startMs = performance.now();
      await call();
      latenciesMs.push(performance.now() - startMs);
    }
    return latenciesMs;
  };
  try {
    await caller.call('POST', '/v1/budgets', BUDGET);
    await timeHolds(caller);
    const shots = await interleave(bench.rounds, {
      commit: () => time(commit),
      floor: () => time(() => floor.call('POST', '/', HOLD)),
      hold: () => timeHolds(caller),
    });
    const [bare, http, hold] = [shots.commit.flat(), shots.floor.flat(), shots.hold.flat()];
    const row = { row: 'holds', unit: 'ms' };
    const latencyOf = (ms: number[]) => ({ p50: median(ms), p99: quantile(ms, 0.99) });
    bench.report({ ...row, what: 'baseline: one INSERT, committed', value: median(bare), latencyMs: latencyOf(bare) });
    bench.report({ ...row, what: 'a POST to node:http alone', value: median(http), latencyMs: latencyOf(http) });
    const value = median(hold);
    const withoutHttp = (value - median(http)) / median(bare);
    bench.report({
      ...row,
      what: 'POST /v1/usage/holds, a blocking budget, 1 connection',
      value,
      latencyMs: latencyOf(hold),
      against: { what: 'a commit', value: median(bare) },
      ratio: value / median(bare),
      wanted: 'under 3x',
      note: `less what node:http alone takes: ${withoutHttp.toFixed(2)}x; ${hold.length} holds, each released`,
    });
  } finally {
    caller.close();
    floor.close();
    await sql.query('DROP TABLE bench_commits');
    await sql.end();
  }
}
