import type { Bench } from '../harness/bench.ts';
import { interleave } from '../harness/statistics.ts';
import { describeTally, summarizeShots } from '../harness/summarize-shots.ts';

/** `recordUsage` through GraphQL over HTTP, against the same event through REST. */
export async function graphql(bench: Bench): Promise<void> {
  const ours = await bench.meterr();
  await bench.shoot(ours, { kind: 'graphql', connections: 50, measureMs: 0, warmupMs: 1_500 });
  for (const connections of [50, 200]) {
    const shots = await interleave(bench.rounds, {
      rest: () => bench.shoot(ours, { connections }),
      graphql: () => bench.shoot(ours, { kind: 'graphql', connections }),
    });
    const rest = summarizeShots(shots.rest).value;
    const measured = summarizeShots(shots.graphql);
    bench.report({
      row: 'graphql',
      what: `GraphQL recordUsage, ${connections} connections`,
      unit: 'events/s',
      ...measured,
      against: { what: 'REST', value: rest },
      ratio: measured.value / rest,
      wanted: '0.7x',
      note: describeTally(shots.graphql),
    });
  }
}
