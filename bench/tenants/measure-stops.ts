import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, StartedMeterr } from '../harness/bench.ts';
import { median } from '../harness/statistics.ts';
import { ask } from './ask.ts';
import { requireVerified } from './measure-verify.ts';
import { openRecorder } from './open-recorder.ts';
import { listQuestions } from './questions.ts';
import type { VerifyOptions } from './run-verify.ts';
import type { Shape } from './shape.ts';
import type { TenantsDatabase } from './tenants-database.ts';

const ROUNDS = 10;
const SHUTDOWN_SECONDS = 5;
/** Beyond what is configured; then the process is killed. */
const PATIENCE_MS = 5_000;
const FOLD_LIMIT_MS = 20_000;
const POLL_MS = 100;
/** What a statement that was cancelled at the last moment needs to end. */
const GRACE_MS = 500;
/** How long the load and the read are under way before the signal. */
const LOAD_MS = 1_500;
const CONNECTIONS = 50;
const BATCH = 5;
/**
 * Verifying takes minutes at full size: it is done after each third round and after the last one.
 */
const VERIFY_EVERY = 3;

// Whoever folds has locked the fold's row, and readers do not.
const FOLDING = `
  SELECT count(*)::int AS n FROM pg_locks
   WHERE relation IN ('usage_fold'::regclass, 'usage_attribution_days'::regclass) AND granted
     AND mode IN ('RowShareLock', 'RowExclusiveLock')`;

interface Round {
  seconds: number;
  isKilled: boolean;
  isFolding: boolean;
  isReading: boolean;
  /** Statements that went on running when the process was gone. */
  leftRunning: number;
}

async function isFolding({ sql }: TenantsDatabase): Promise<boolean> {
  return ((await sql.query<{ n: number }>(FOLDING)).rows[0]?.n ?? 0) > 0;
}

/** SIGTERM, and SIGKILL when the process does not keep its word. */
async function stop({ process: { process: child } }: StartedMeterr): Promise<{ seconds: number; isKilled: boolean }> {
  const gone = once(child, 'exit');
  const startMs = performance.now();
  let isKilled = false;
  const timer = setTimeout(
    () => {
      isKilled = child.kill('SIGKILL');
    },
    SHUTDOWN_SECONDS * 1000 + PATIENCE_MS,
  );
  child.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
  return { seconds: (performance.now() - startMs) / 1000, isKilled };
}

/**
 * One stop of a server that folds, answers the heaviest question, and records. @throws Error when
 * an event is lost
 */
async function stopOnce(database: TenantsDatabase, shape: Shape, round: number): Promise<Round> {
  const { sql } = database;
  // All that was folded is unfolded again, so that the fold is at work for as long as it takes.
  await sql.query('TRUNCATE usage_attribution_days, usage_attributions');
  await sql.query('UPDATE usage_fold SET position = 0');
  const server = await database.start({ METERR_SHUTDOWN_SECONDS: String(SHUTDOWN_SECONDS) });
  const endMs = performance.now() + FOLD_LIMIT_MS;
  while (!(await isFolding(database)) && performance.now() < endMs) await sleep(POLL_MS);
  const keys = shape.tenants.map((tenant) => tenant.keys[0]?.secret ?? '');
  const run = `stop${round}`;
  const recorder = openRecorder();
  const job = { port: server.port, keys, run, connections: CONNECTIONS, batchSize: BATCH, isEndless: true };
  const recording = recorder.record(job);
  let isReading = true;
  const path = listQuestions(shape)[0]?.path ?? '';
  const reading = ask(database, server, keys[0] ?? '', path)
    // The server is stopped meanwhile: that an answer breaks off is what is expected.
    .catch(() => {})
    .finally(() => {
      isReading = false;
    });
  await sleep(LOAD_MS);
  const underWay = { isFolding: await isFolding(database), isReading };
  const stopped = await stop(server);
  await reading;
  const { acknowledged } = await recording;
  await recorder.close();
  await sleep(GRACE_MS);
  const leftRunning = await database.countRunning();
  await database.terminateAll();
  const { rows } = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM usage_events WHERE event_id >= $1 || '-' AND event_id < $1 || '.'`,
    [run],
  );
  const stored = rows[0]?.n ?? 0;
  if (stored < acknowledged * BATCH) throw new Error(`${run}: ${acknowledged * BATCH} acknowledged, ${stored} stored`);
  return { ...stopped, ...underWay, leftRunning };
}

/**
 * SIGTERM under everything at once, ten times; tells of each. @throws Error when an event is lost
 * or a sum is wrong
 */
export async function measureStops(
  bench: Bench,
  database: TenantsDatabase,
  shape: Shape,
  verify: VerifyOptions,
  tell: (line: string) => void,
): Promise<void> {
  const rounds: Round[] = [];
  const verified: string[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const stopped = await stopOnce(database, shape, round);
    rounds.push(stopped);
    tell(`stop ${round}: ${JSON.stringify(stopped)}`);
    const isDue = round % VERIFY_EVERY === 0 || round === ROUNDS;
    if (isDue) verified.push(`${round} (${Math.round(await requireVerified(database, verify))} s)`);
  }
  const count = (is: (round: Round) => boolean) => rounds.filter(is).length;
  const seconds = rounds.map((round) => round.seconds);
  bench.report({
    row: 'tenants',
    what: `SIGTERM until the process is gone, slowest of ${ROUNDS}`,
    value: Math.max(...seconds),
    unit: 's',
    against: { what: 'METERR_SHUTDOWN_SECONDS', value: SHUTDOWN_SECONDS },
    ratio: Math.max(...seconds) / SHUTDOWN_SECONDS,
    wanted: '1x',
    note: [
      `median ${median(seconds).toFixed(1)} s`,
      `${count((round) => round.isKilled)} killed after ${SHUTDOWN_SECONDS + PATIENCE_MS / 1000} s`,
      `${count((round) => round.leftRunning > 0)} left statements running`,
      `a fold in ${count((round) => round.isFolding)}, the read in ${count((round) => round.isReading)}`,
      `lost 0; verified clean (${verify.plans}) after round ${verified.join(', ')}`,
    ].join('; '),
  });
}
