import { join } from 'node:path';
import type pg from 'pg';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { type Bench, databaseOf } from '../harness/bench.ts';
import { type ClickHouse, startClickHouse } from '../harness/clickhouse.ts';
import { openClient } from '../harness/copy-in.ts';
import { type GeneratedUsage, generateUsage } from '../harness/generate-usage.ts';
import { openCaller } from '../harness/http-caller.ts';
import { interleave, median, quantile } from '../harness/statistics.ts';
import { verifyRollups } from '../harness/verify.ts';
import { loadClickHouse } from './load-clickhouse.ts';
import { type Ask, clickHouseAsk, ledgerAsk, meterrAsk, type UsageQuestion } from './usage-question.ts';

const MILLION = 1_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const KOLKATA_OFFSET_MS = 5.5 * HOUR_MS;
/**
 * Each store is asked for so long in a round, and at least once; first of all until its code and
 * pages are warm.
 */
const ROUND_MS = 700;

interface Stores {
  bench: Bench;
  size: string;
  target: { port: number; key: string };
  pool: pg.Pool;
  clickhouse: ClickHouse | null;
}

function questionsOf(organizationId: string, { startMs }: GeneratedUsage): UsageQuestion[] {
  const utc = { organizationId, startMs: startMs + DAY_MS, zone: 'UTC' };
  const kolkata = { ...utc, startMs: startMs + DAY_MS - KOLKATA_OFFSET_MS, zone: 'Asia/Kolkata' };
  return [
    { ...utc, what: 'by day and model', interval: 'day', groupBy: 'model' },
    { ...kolkata, what: 'by day and model in Asia/Kolkata', interval: 'day', groupBy: 'model' },
    { ...utc, what: 'by user', interval: 'none', groupBy: 'user' },
  ];
}

/**
 * Asks a store again and again for a while. @throws Error when it does not say the same as the
 * others
 */
async function askFor(ask: Ask, question: UsageQuestion, seen: Set<string>): Promise<number[]> {
  const latenciesMs: number[] = [];
  const endMs = performance.now() + ROUND_MS;
  do {
    const { ms, lines } = await ask(question);
    latenciesMs.push(ms);
    seen.add(lines.join('\n'));
    if (seen.size > 1 || seen.has('')) throw new Error(`${question.what}: two stores do not say the same`);
  } while (performance.now() < endMs);
  return latenciesMs;
}

/** Asks all stores in turn. @throws Error when their answers differ in a single digit */
async function measure({ target, pool, clickhouse, bench }: Stores, question: UsageQuestion) {
  const caller = await openCaller(target);
  const seen = new Set<string>();
  const asks = {
    meterr: meterrAsk(caller),
    ledger: ledgerAsk(pool),
    clickhouse: clickhouse && clickHouseAsk(clickhouse),
  };
  const ask = (one: Ask | null) => async () => (one ? askFor(one, question, seen) : []);
  try {
    const rounds = await interleave(bench.rounds + 1, {
      meterr: ask(asks.meterr),
      ledger: ask(asks.ledger),
      clickhouse: ask(asks.clickhouse),
    });
    const flat = (latencies: number[][]) => latencies.slice(1).flat();
    return { meterr: flat(rounds.meterr), ledger: flat(rounds.ledger), clickhouse: flat(rounds.clickhouse) };
  } finally {
    caller.close();
  }
}

function describe(latenciesMs: readonly number[]): string {
  return `p95 ${quantile(latenciesMs, 0.95).toPrecision(3)}`;
}

/** Returns our p50. */
async function ask(stores: Stores, question: UsageQuestion): Promise<number> {
  const { bench, size, clickhouse } = stores;
  const { meterr, ledger, clickhouse: column } = await measure(stores, question);
  const value = median(meterr);
  const row = { row: 'queries', what: `GET /v1/usage, 30 days ${question.what}, ${size}`, value, unit: 'ms' };
  const raw = { what: 'same SQL over events', value: median(ledger) };
  const note = `${describe(meterr)} (${meterr.length} times), the other ${describe(ledger)}; equal to the last digit`;
  bench.report({ ...row, against: raw, ratio: raw.value / value, wanted: '100x', note });
  if (!clickhouse) return value;
  const other = { what: `ClickHouse ${clickhouse.version}`, value: median(column) };
  const otherNote = `the other ${describe(column)}, without a network; equal to the last digit`;
  bench.report({ ...row, against: other, ratio: other.value / value, wanted: '5x', note: otherNote });
  return value;
}

/** Makes a database of its own with so many events, folded and verified, and measures over it. */
async function measureSize(bench: Bench, events: number): Promise<Map<string, number>> {
  const size = `${events / MILLION}M events`;
  const name = `queries_${events / MILLION}m`;
  const connectionString = databaseOf(bench.postgres.connectionString, name);
  const admin = await openClient(bench.postgres.connectionString);
  await admin.query(`CREATE DATABASE ${name}`);
  // The first start migrates and makes the tenant; the server must not fold while indexes are made.
  await (await bench.startMeterr(name)).process.stop();
  const sql = await openClient(connectionString);
  const database = openDatabase({ connectionString, connections: 4, onError: () => {} });
  const clickhouse = await startClickHouse(join(bench.postgres.folder, 'clickhouse'));
  if (!clickhouse) bench.skip('queries: ClickHouse', 'npm has no chdb for this machine');
  try {
    const organizationId = (await sql.query<{ id: string }>('SELECT id FROM organizations')).rows[0]?.id ?? '';
    const startMs = performance.now();
    const generated = await generateUsage(sql, organizationId, events);
    const generatedMs = performance.now();
    await foldUsage(database);
    const foldedMs = performance.now();
    await sql.query('VACUUM ANALYZE');
    await verifyRollups(database.pool);
    if (clickhouse) await loadClickHouse(clickhouse, sql, bench.postgres.folder);
    await sql.query('CHECKPOINT');
    bench.report({
      row: 'queries',
      what: `fold by user and tags, ${size}`,
      value: (generated.unfolded / (foldedMs - generatedMs)) * 1000,
      unit: 'events/s',
      note: `generated in ${Math.round((generatedMs - startMs) / 1000)} s`,
    });
    const target = await bench.startMeterr(name);
    const stores = { bench, size, target, pool: database.pool, clickhouse };
    const medians = new Map<string, number>();
    for (const question of questionsOf(organizationId, generated)) {
      medians.set(question.what, await ask(stores, question));
    }
    await target.process.stop();
    return medians;
  } finally {
    await clickhouse?.close();
    await sql.end();
    await database.close();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
}

/**
 * Sums of a big tenant's month out of rollups, against the ledger itself and ClickHouse, as the
 * ledger grows.
 */
export async function queries(bench: Bench): Promise<void> {
  const sizes = [MILLION, ...(bench.options.quick ? [] : [10 * MILLION]), ...(bench.options.big ? [50 * MILLION] : [])];
  const growth = new Map<string, number[]>();
  for (const events of sizes) {
    for (const [what, p50Ms] of await measureSize(bench, events)) {
      growth.set(what, [...(growth.get(what) ?? []), p50Ms]);
    }
  }
  for (const [what, p50s] of growth) {
    const first = p50s[0] ?? Number.NaN;
    const value = p50s.at(-1) ?? Number.NaN;
    bench.report({
      row: 'queries',
      what: `growth of the time ${what}: ${sizes.map((events) => `${events / MILLION}M`).join(', ')}`,
      value,
      unit: 'ms',
      against: { what: 'at 1M', value: first },
      ratio: value / first,
      note: `p50 ${p50s.map((ms) => ms.toPrecision(3)).join(', ')} ms`,
    });
  }
}
