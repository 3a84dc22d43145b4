import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Bench, databaseOf } from '../harness/bench.ts';
import { createOrganization } from '../harness/create-organization.ts';
import { type HttpCaller, openCaller } from '../harness/http-caller.ts';
import type { Target } from '../harness/shoot.ts';
import { interleave, median, quantile } from '../harness/statistics.ts';

const ENV = { METERR_WEBHOOK_ALLOW_HTTP: 'true', METERR_WEBHOOK_ALLOW_PRIVATE: 'true' };
const RECEIVERS = 10;
const HANGING = 10;
/** Events of one round, for each of ten webhooks. */
const BURST = 500;
/** Crossings a second, while latencies are measured. */
const PACE_MS = 50;
const LATENCIES = 100;

interface LocalReceiver {
  url(path: string): string;
  /** Called with each event's subject that arrives at `/healthy`. */
  onHealthy: (subject: string) => void;
  received: number;
  close(): void;
}

/** A receiver in this process: it answers 200, but for what is sent to `/hang`. */
async function startReceiver(): Promise<LocalReceiver> {
  const hanging = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/hang') return void hanging.add(response);
      receiver.received++;
      response.end();
      if (request.url !== '/healthy') return;
      receiver.onHealthy(JSON.parse(Buffer.concat(chunks).toString()).data.subject);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: LocalReceiver = {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    onHealthy: () => {},
    received: 0,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}

async function createWebhooks(caller: HttpCaller, url: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await caller.call('POST', '/v1/webhooks', { url, events: ['*'] });
}

/** Deliveries a second, from the first that arrives to the last that is logged. */
async function burst(sql: pg.Pool, organizationId: string, receiver: LocalReceiver): Promise<number> {
  const before = receiver.received;
  await sql.query(
    `INSERT INTO events (organization_id, id, type, created_at, data)
     SELECT $1, uuid_v7_at(now()), 'credits.low', now(), '{"available": "1", "granted": "100"}' FROM generate_series(1, $2)`,
    [organizationId, BURST],
  );
  while (receiver.received === before) await sleep(1);
  const startMs = performance.now();
  for (;;) {
    const { rows } = await sql.query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM webhook_deliveries WHERE status = 'pending' AND organization_id = $1`,
      [organizationId],
    );
    if (rows[0]?.waiting === 0) break;
    await sleep(20);
  }
  return (BURST * RECEIVERS) / ((performance.now() - startMs) / 1000);
}

let users = 0;

/** Milliseconds from the request that exceeds a budget to the message at the healthy webhook. */
async function crossings(caller: HttpCaller, receiver: LocalReceiver): Promise<number[]> {
  const sentMs = new Map<string, number>();
  const took: number[] = [];
  const all = Promise.withResolvers<void>();
  receiver.onHealthy = (subject) => {
    const startMs = sentMs.get(subject);
    if (startMs === undefined) return;
    took.push(performance.now() - startMs);
    if (took.length === LATENCIES) all.resolve();
  };
  for (let i = 0; i < LATENCIES; i++) {
    const subject = `user-${users++}`;
    sentMs.set(subject, performance.now());
    const event = { provider: 'openai', model: 'gpt-4o', input_tokens: 10, output_tokens: 0, user_id: subject };
    await caller.call('POST', '/v1/usage', event);
    await sleep(PACE_MS);
  }
  await all.promise;
  return took;
}

async function openCrossing(target: Target, name: string, receiver: LocalReceiver, hanging: number) {
  const organization = await createOrganization(target, name);
  const caller = await openCaller(organization);
  await createWebhooks(caller, receiver.url('/hang'), hanging);
  await createWebhooks(caller, receiver.url('/healthy'), 1);
  const budget = { name: 'Each user', amount: '0.000001', period: 'month', per: 'user', thresholds: [] };
  await caller.call('POST', '/v1/budgets', budget);
  return caller;
}

/**
 * Deliveries a second to a receiver on this machine, signed and logged; and how long an event takes to
 * reach a healthy webhook, alone and beside ten that never answer, in turns on the same server.
 */
export async function webhooks(bench: Bench): Promise<void> {
  const connectionString = databaseOf(bench.postgres.connectionString, 'webhooks');
  const admin = new pg.Client({ connectionString: bench.postgres.connectionString });
  await admin.connect();
  await admin.query('CREATE DATABASE webhooks').finally(() => admin.end());
  const started = await bench.startMeterr('webhooks', ENV);
  const pool = new pg.Pool({ connectionString, max: 2 });
  const receiver = await startReceiver();
  const callers: HttpCaller[] = [];
  try {
    const target = { ...started, name: 'webhooks', pool };
    const fast = await createOrganization(target, 'webhooks: fast');
    callers.push(await openCaller(fast));
    await createWebhooks(callers[0] as HttpCaller, receiver.url('/'), RECEIVERS);
    const { rows } = await pool.query<{ id: string }>('SELECT id FROM organizations WHERE name = $1', [fast.name]);
    const organizationId = rows[0]?.id ?? '';
    const alone = await openCrossing(target, 'webhooks: alone', receiver, 0);
    const beside = await openCrossing(target, 'webhooks: beside', receiver, HANGING);
    callers.push(alone, beside);
    await burst(pool, organizationId, receiver);
    await crossings(alone, receiver);
    const measured = await interleave(bench.rounds, {
      burst: async () => [await burst(pool, organizationId, receiver)],
      alone: () => crossings(alone, receiver),
      beside: () => crossings(beside, receiver),
    });
    const row = 'webhooks';
    bench.report({
      row,
      what: `deliveries to ${RECEIVERS} webhooks, signed and logged`,
      value: median(measured.burst.flat()),
      unit: 'deliveries/s',
      wanted: 'at least 1,000/s',
      note: `${BURST * RECEIVERS} a round`,
    });
    const p99 = (rounds: number[][]) => quantile(rounds.flat(), 0.99);
    const latency = (rounds: number[][]) => ({ p50: median(rounds.flat()), p99: p99(rounds) });
    const unit = 'ms';
    const what = 'from POST /v1/usage to a healthy webhook, p99';
    bench.report({ row, what: `${what}, alone`, value: p99(measured.alone), unit, latencyMs: latency(measured.alone) });
    bench.report({
      row,
      what: `${what}, beside ${HANGING} that hang`,
      value: p99(measured.beside),
      unit,
      latencyMs: latency(measured.beside),
      against: { what: 'alone', value: p99(measured.alone) },
      ratio: p99(measured.beside) / p99(measured.alone),
      wanted: 'at most 1.5x',
      note: `${measured.beside.flat().length} events`,
    });
  } finally {
    for (const caller of callers) caller.close();
    receiver.close();
    await started.process.stop();
    await pool.end();
    // A process that ended still holds its connections for a moment.
    await sleep(100);
  }
}
