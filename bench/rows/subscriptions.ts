import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../harness/bench.ts';
import { CORES, startChild } from '../harness/child.ts';
import { cpuSpentDuring, residentBytes } from '../harness/cpu.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { openCaller } from '../harness/http-caller.ts';
import { figure } from '../harness/report.ts';
import type { Target } from '../harness/shoot.ts';
import { interleave, median, quantile } from '../harness/statistics.ts';
import { openSockets, type SubscriberProcess } from '../subscriptions/open-sockets.ts';

const SUBSCRIBERS = 2_000;
/** Events that one request makes. */
const EVENTS = 30;
const SLOW_EVENTS = 25;
const SLOW_EVERY_MS = 200;
const IDLE_SUBSCRIBERS = 12_000;
const KIBIBYTE = 1024;

const nowMs = () => performance.timeOrigin + performance.now();

/** @returns deliveries a second, and the server's CPU for each in microseconds */
async function measureFanOut(client: SubscriberProcess, pid: number, tell: () => Promise<unknown>) {
  const deliveries = SUBSCRIBERS * EVENTS;
  const { result, seconds } = await cpuSpentDuring([pid], async () => {
    const all = client.expect(deliveries);
    const startMs = nowMs();
    await tell();
    return (await all).lastAtMs - startMs;
  });
  return { perSecond: deliveries / (result / 1000), microseconds: ((seconds?.[0] ?? Number.NaN) / deliveries) * 1e6 };
}

/** Each event of another user crosses that user's limit. */
async function createTeller(target: Target) {
  const caller = await openCaller(target);
  await caller.call('POST', '/v1/budgets', { name: 'b', amount: '0.1', period: 'total', per: 'user', thresholds: [] });
  let users = 0;
  return {
    caller,
    tell(count: number) {
      const event = { provider: 'openai', model: 'gpt-4o', input_tokens: 1, output_tokens: 1, cost: '0.1' };
      const events = Array.from({ length: count }, () => ({ ...event, user_id: `user-${users++}` }));
      return caller.call('POST', '/v1/usage/batch', { events });
    },
  };
}

/** Milliseconds from sending the request to what the first and the last subscriber received. */
async function measureDelay(client: SubscriberProcess, tell: (count: number) => Promise<unknown>) {
  const first: number[] = [];
  const last: number[] = [];
  for (let i = 0; i < SLOW_EVENTS; i++) {
    const pause = sleep(SLOW_EVERY_MS);
    const all = client.expect(SUBSCRIBERS);
    const startMs = nowMs();
    await tell(1);
    const { firstAtMs, lastAtMs } = await all;
    first.push(firstAtMs - startMs);
    last.push(lastAtMs - startMs);
    await pause;
  }
  return { first, last };
}

async function measureIdle(bench: Bench, target: Target): Promise<void> {
  const { pid } = target.process;
  const few = await openSockets(target, IDLE_SUBSCRIBERS / 3);
  const before = await residentBytes(pid);
  const many = await openSockets(target, IDLE_SUBSCRIBERS);
  const after = await residentBytes(pid);
  if (before === null || after === null) bench.skip('subscriptions: memory', 'there is no /proc here');
  else {
    bench.report({
      row: 'subscriptions',
      what: `RSS of an idle subscriber, ${IDLE_SUBSCRIBERS} of them`,
      value: (after - before) / IDLE_SUBSCRIBERS / KIBIBYTE,
      unit: 'KiB',
      wanted: 'at most 20',
    });
  }
  await few.stop();
  await many.stop();
}

/**
 * One event to 2,000 sockets of an organization, against graphql-ws as it comes over an in-process
 * pub/sub; how long an event takes from its request to its subscribers; and what an idle subscriber
 * holds.
 */
export async function subscriptions(bench: Bench): Promise<void> {
  const meterr = await bench.meterr();
  const target = await createOrganization(meterr, 'subscriptions');
  const plain = startChild({ script: 'bench/subscriptions/plain-server.ts', core: CORES.server });
  const plainTarget = { port: Number((await plain.waitFor(/listening on (\d+)/))[1]), key: 'none' };
  await measureIdle(bench, target);
  const teller = await createTeller(target);
  const publisher = await openCaller(plainTarget);
  const [ours, theirs] = [await openSockets(target, SUBSCRIBERS), await openSockets(plainTarget, SUBSCRIBERS)];
  const warm = ours.expect(SUBSCRIBERS);
  await teller.tell(1);
  await warm;
  const { body } = await teller.caller.call('GET', '/v1/events?limit=1');
  const [sample] = (JSON.parse(body) as { data: { id: string; event: string; created_at: string; data: object }[] })
    .data;
  const published = Array.from({ length: EVENTS }, () => ({ ...sample, createdAt: sample?.created_at }));
  const measured = await interleave(bench.rounds, {
    ours: () => measureFanOut(ours, target.process.pid, () => teller.tell(EVENTS)),
    theirs: () => measureFanOut(theirs, plain.pid, () => publisher.call('POST', '/publish', published)),
  });
  const rates = measured.ours.map((one, i) => one.perSecond / (measured.theirs[i]?.perSecond ?? Number.NaN));
  const cpu = (of: { microseconds: number }[]) => figure(median(of.map(({ microseconds }) => microseconds)));
  bench.report({
    row: 'subscriptions',
    what: `deliveries to ${SUBSCRIBERS} sockets, ${EVENTS} events of one transaction`,
    value: median(measured.ours.map(({ perSecond }) => perSecond)),
    unit: 'deliveries/s',
    against: { what: 'plain graphql-ws', value: median(measured.theirs.map(({ perSecond }) => perSecond)) },
    ratio: median(rates),
    wanted: '3x',
    note: `CPU of the server ${cpu(measured.ours)} us a delivery, ${cpu(measured.theirs)} plain`,
  });
  const { first, last } = await measureDelay(ours, teller.tell);
  bench.report({
    row: 'subscriptions',
    what: `request to delivery at ${1000 / SLOW_EVERY_MS} events/s, the last of ${SUBSCRIBERS} sockets`,
    value: median(last),
    unit: 'ms',
    wanted: 'under 100',
    latencyMs: { p50: median(last), p99: quantile(last, 0.99) },
    note: `first socket p50 ${figure(median(first))} ms`,
  });
  for (const caller of [teller.caller, publisher]) caller.close();
  for (const one of [ours, theirs, plain]) await one.stop();
}
