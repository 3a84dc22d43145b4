import type { Bench } from '../harness/bench.ts';
import { ask } from './ask.ts';
import { explainAll, explainNothing, readExplained } from './explain-log.ts';
import { openRecorder, type Recorder } from './open-recorder.ts';
import { historyPath } from './questions.ts';
import type { RecordJob, RecordResult } from './record-job.ts';
import type { Shape } from './shape.ts';
import type { TenantsDatabase } from './tenants-database.ts';

const CONNECTIONS = 100;
const BATCH = 5;
/** Tenants whose first requests are looked at one by one. */
const LOOKED_AT = 100;
/** What runs beside the requests, by its own clock. */
const BACKGROUND = /graphile_worker|usage_events_position_seq|last_used_at|organization_changes|catalog_versions/;

type Named = Pick<RecordJob, 'run' | 'keys' | 'port'>;

async function record({ sql }: TenantsDatabase, recorder: Recorder, named: Named, connections: number) {
  const result = await recorder.record({ ...named, connections, batchSize: BATCH, isEndless: false });
  const { acknowledged, failures, firstFailure } = result;
  if (failures > 0) throw new Error(`${named.run}: ${failures} requests failed, the first: ${firstFailure}`);
  const stored = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM usage_events WHERE event_id >= $1 || '-' AND event_id < $1 || '.'`,
    [named.run],
  );
  const expected = acknowledged * BATCH;
  if (stored.rows[0]?.n !== expected)
    throw new Error(`${named.run}: ${stored.rows[0]?.n} events of ${expected} stored`);
  return result;
}

/**
 * How many statements a request of each tenant costs, the first time and the second, asked one at a
 * time.
 */
async function countStatements(database: TenantsDatabase, recorder: Recorder, keys: string[]): Promise<number[]> {
  await explainAll(database, 'sent');
  const server = await database.start();
  try {
    // What the process loads for all tenants is loaded by another tenant's request.
    await ask(database, server, keys[0] ?? '', historyPath(null));
    const counts: number[] = [];
    for (const run of ['first', 'second']) {
      const named = { run, keys: keys.slice(1), port: server.port };
      const explained = await readExplained(database, () => record(database, recorder, named, 1));
      const sent = explained.filter(({ text }) => !BACKGROUND.test(text));
      counts.push(sent.length / (keys.length - 1));
    }
    return counts;
  } finally {
    await database.stop(server);
    await explainNothing(database);
  }
}

/**
 * The same of a process whose code is compiled, because one organization has kept it busy, but
 * which has met none of the others: what is left of a cold start when V8's own is taken away.
 */
async function recordUnmet(database: TenantsDatabase, recorder: Recorder, keys: string[]): Promise<RecordResult> {
  const server = await database.start();
  const { port } = server;
  try {
    const busy = keys.map(() => keys[0] ?? '');
    await record(database, recorder, { run: 'busy', keys: busy, port }, CONNECTIONS);
    return await record(database, recorder, { run: 'unmet', keys: keys.slice(1), port }, CONNECTIONS);
  } finally {
    await database.stop(server);
  }
}

/**
 * One request for each organization of a fresh process, then the same again, while nothing is
 * folded.
 */
export async function measureRecording(bench: Bench, database: TenantsDatabase, { tenants }: Shape): Promise<void> {
  const keeper = await database.connect();
  const keys = tenants.map((tenant) => tenant.keys[0]?.secret ?? '');
  const recorder = openRecorder();
  const rate = ({ seconds }: RecordResult) => (keys.length * BATCH) / seconds;
  // Whoever finds the row locked does not fold.
  await keeper.query('BEGIN');
  await keeper.query('SELECT FROM usage_fold FOR UPDATE');
  try {
    const server = await database.start();
    const named = { port: server.port, keys };
    const cold = await record(database, recorder, { ...named, run: 'cold' }, CONNECTIONS);
    const warm = await record(database, recorder, { ...named, run: 'warm' }, CONNECTIONS);
    await database.stop(server);
    const unmet = await recordUnmet(database, recorder, keys);
    const [first = Number.NaN, second = Number.NaN] = await countStatements(
      database,
      recorder,
      keys.slice(0, LOOKED_AT + 1),
    );
    const row = { row: 'tenants', unit: 'events/s' };
    const shape = `${keys.length.toLocaleString('en-US')} organizations, ${CONNECTIONS} connections, batches of ${BATCH}`;
    bench.report({
      ...row,
      what: `recording, warm: ${shape}`,
      value: rate(warm),
      note: `${second.toFixed(1)} statements a request`,
    });
    bench.report({
      ...row,
      what: 'recording, cold: the same in a fresh process',
      value: rate(cold),
      against: { what: 'warm', value: rate(warm) },
      ratio: rate(cold) / rate(warm),
      wanted: '0.6x',
      note: `${first.toFixed(1)} statements a tenant's first request`,
    });
    bench.report({
      ...row,
      what: 'recording, cold tenants: in a process that one organization has kept busy',
      value: rate(unmet),
      against: { what: 'warm', value: rate(warm) },
      ratio: rate(unmet) / rate(warm),
      wanted: '0.6x',
      note: 'without the time in which V8 compiles',
    });
  } finally {
    await keeper.query('COMMIT');
    await recorder.close();
  }
}
