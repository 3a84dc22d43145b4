import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { stopChildren } from '../harness/child.ts';
import { residentBytes } from '../harness/cpu.ts';
import { openDataFolder } from '../harness/data-folder.ts';
import { generateUsage } from '../harness/generate-usage.ts';
import { type HttpCaller, openCaller } from '../harness/http-caller.ts';
import { startMeterr } from '../harness/start-meterr.ts';
import { quantile } from '../harness/statistics.ts';

// node bench/reprice/measure-reprice.ts [--events 1000000]
//
// A dry run over the events of one organization, then the same for real while another process records;
// the process that runs the job is killed with SIGKILL in the middle. The costs of the generated events
// differ from the catalog's in their last digits, so every event changes.

const DAY_MS = 86_400_000;
const MEGABYTE = 1e6;
const SAMPLE_EVERY_MS = 200;
const BASELINE_MS = 5_000;
/** The share of the events after which the process is killed. */
const KILLED_AT = 0.4;
const EVENT = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, output_tokens: 500 };

type Server = Awaited<ReturnType<typeof startMeterr>>;

interface Sums {
  events: number;
  changed: number;
  cost_before: string;
  cost_after: string;
  difference: string;
  data: object[];
}

interface Job {
  id: string;
  status: string;
  progress: { done: number; total: number };
  result: Sums | null;
  error: string | null;
}

const { values: options } = parseArgs({ options: { events: { type: 'string', default: '1000000' } } });
const events = Number(options.events);
const say = (line: string) => process.stdout.write(`${line}\n`);
const round = (value: number) => Math.round(value).toLocaleString('en-US');

/** Follows the memory of a server until it is stopped, and says the most of it. */
function watchMemory(server: Server) {
  let most = 0;
  const look = async () => {
    most = Math.max(most, (await residentBytes(server.process.pid)) ?? 0);
  };
  const timer = setInterval(() => void look(), SAMPLE_EVERY_MS);
  return () => {
    clearInterval(timer);
    return most / MEGABYTE;
  };
}

/** Records one event after the other; says how long they took. */
function keepRecording(caller: HttpCaller) {
  let times: number[] = [];
  let isRunning = true;
  const running = (async () => {
    while (isRunning) times.push((await caller.call('POST', '/v1/usage', EVENT)).ms);
  })();
  return {
    /** What was recorded since the last time. */
    take() {
      const taken = times;
      times = [];
      return `${round(taken.length)} events, median ${quantile(taken, 0.5).toFixed(1)} ms, 99 % under ${quantile(taken, 0.99).toFixed(1)} ms, most ${Math.max(...taken).toFixed(0)} ms`;
    },
    async stop() {
      isRunning = false;
      await running;
    },
  };
}

async function getJob(caller: HttpCaller, id: string): Promise<Job> {
  return JSON.parse((await caller.call('GET', `/v1/jobs/${id}`)).body);
}

async function generate(sql: pg.Client): Promise<{ organizationId: string; startMs: number }> {
  const { rows } = await sql.query<{ id: string }>('SELECT id FROM organizations LIMIT 1');
  const organizationId = rows[0]?.id ?? '';
  const { startMs } = await generateUsage(sql, organizationId, events * 2);
  await sql.query('ANALYZE');
  return { organizationId, startMs };
}

async function measure(startServer: () => Promise<Server>, connectionString: string): Promise<void> {
  // It migrates, and makes the first organization: nothing folds while events are generated.
  await (await startServer()).process.stop();
  const sql = new pg.Client({ connectionString });
  sql.on('error', () => {});
  await sql.connect();
  const { organizationId, startMs } = await generate(sql);
  const first = await startServer();
  const second = await startServer();
  const range = { start: new Date(startMs).toISOString(), end: new Date(startMs + 31 * DAY_MS).toISOString() };
  const [one, two] = [await openCaller(first), await openCaller(second)];

  const stopDry = watchMemory(first);
  const before = (await residentBytes(first.process.pid)) ?? 0;
  const dry = await one.call('POST', '/v1/prices/reprice', { ...range, dry_run: true });
  const { dry_run: _, ...expected }: Sums & { dry_run: boolean } = JSON.parse(dry.body);
  const rate = round((expected.events / dry.ms) * 1000);
  say(
    `dry run: ${round(expected.events)} events, ${round(expected.changed)} change, ${(dry.ms / 1000).toFixed(1)} s (${rate} events/s), ${expected.data.length} rows`,
  );
  say(`  RSS ${round(before / MEGABYTE)} MB before, at most ${round(stopDry())} MB`);

  const writer = keepRecording(two);
  await pause(BASELINE_MS);
  say(`recording without a job: ${writer.take()}`);
  const [memoryOne, memoryTwo] = [watchMemory(first), watchMemory(second)];
  const third = await openCaller(second);
  const startedMs = performance.now();
  const { id }: Job = JSON.parse((await one.call('POST', '/v1/prices/reprice', range)).body);
  let killedMs: number | null = null;
  let job: Job;
  let doneAtKill = 0;
  let takenMs = 0;
  for (;;) {
    job = await getJob(third, id);
    const { done, total } = job.progress;
    if (killedMs === null && done >= total * KILLED_AT) {
      say(
        `killing the process after ${round(done)} of ${round(total)} events and ${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
      );
      say(`  recording meanwhile: ${writer.take()}`);
      first.process.process.kill('SIGKILL');
      killedMs = performance.now();
      await pause(SAMPLE_EVERY_MS);
      doneAtKill = (await getJob(third, id)).progress.done;
    } else if (killedMs !== null && takenMs === 0 && done > doneAtKill) takenMs = performance.now() - killedMs;
    if (job.status === 'done' || job.status === 'failed') break;
    await pause(SAMPLE_EVERY_MS);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const running = seconds - takenMs / 1000;
  say(
    `job: ${job.status} after ${seconds.toFixed(1)} s, ${(takenMs / 1000).toFixed(1)} s of them without a process (${round(events / running)} events/s while it runs)`,
  );
  say(`  RSS at most ${round(memoryOne())} and ${round(memoryTwo())} MB`);
  say(`  recording after the kill: ${writer.take()}`);
  await writer.stop();

  const same = JSON.stringify(job.result) === JSON.stringify(expected);
  say(`the result is that of the dry run, to the last digit: ${same} (difference ${job.result?.difference})`);
  const { rows: sums } = await sql.query<{ rows: number; ids: number; cost: string }>(
    `SELECT count(*)::int AS rows, count(DISTINCT adjusts_id)::int AS ids, sum(cost)::text AS cost FROM usage_events
      WHERE organization_id = $1 AND adjusts_id IS NOT NULL`,
    [organizationId],
  );
  say(`adjustments in the ledger: ${JSON.stringify(sums[0])}`);
  const database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  const verifyMs = performance.now();
  const differences = await verifyUsage(database);
  say(
    `verify: ${differences.length === 0 ? 'clean' : JSON.stringify(differences)} (${((performance.now() - verifyMs) / 1000).toFixed(0)} s)`,
  );
  await database.close();
  await sql.end();
  for (const caller of [one, two, third]) caller.close();
  if (!same || differences.length > 0) process.exitCode = 1;
}

const data = await openDataFolder();
let stopped: Promise<void> | null = null;
const stop = () => {
  stopped ??= stopChildren().then(data.remove);
  return stopped;
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop().then(() => process.exit(1)));
try {
  const { connectionString } = data.postgres;
  const settings = { dataDir: data.path, databaseUrl: connectionString };
  await measure(() => startMeterr(settings), connectionString);
} finally {
  await stop();
}
