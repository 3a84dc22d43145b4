import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare } from './compare/compare.ts';
import { type Bench, createBench, databaseOf } from './harness/bench.ts';
import { CAN_PIN, ROOT, stopChildren } from './harness/child.ts';
import { openDataFolder } from './harness/data-folder.ts';
import { formatTable, type Measurement, type Skipped, writeResults } from './harness/report.ts';
import { startMeterr } from './harness/start-meterr.ts';
import { verifyRollups } from './harness/verify.ts';
import { batches } from './rows/batches.ts';
import { budgets } from './rows/budgets.ts';
import { floor } from './rows/floor.ts';
import { graphql } from './rows/graphql.ts';
import { holds } from './rows/holds.ts';
import { limits } from './rows/limits.ts';
import { listeners } from './rows/listeners.ts';
import { memory } from './rows/memory.ts';
import { queries } from './rows/queries.ts';
import { single } from './rows/single.ts';
import { subscriptions } from './rows/subscriptions.ts';
import { tenants } from './rows/tenants.ts';
import { webhooks } from './rows/webhooks.ts';

const ROWS: Record<string, (bench: Bench) => Promise<void>> = {
  floor,
  single,
  graphql,
  batches,
  queries,
  memory,
  holds,
  budgets,
  limits,
  webhooks,
  subscriptions,
  listeners,
  tenants,
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    big: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '1' },
    // Of `tenants` alone.
    'fold-seconds': { type: 'string', default: '120' },
    // Of `compare` alone.
    rounds: { type: 'string' },
    within: { type: 'string', default: '8' },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function installOwnPackages(): void {
  if (existsSync(join(ROOT, 'bench/node_modules/fastify'))) return;
  say('Installing what only the bench needs, in bench/node_modules (once).');
  // Not `npm ci`: the lock file lacks chdb's builds for other platforms where the registry at hand
  // lacks them.
  const command = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', 'bench', '--silent'];
  execFileSync('npm', command, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
}

/**
 * `compare COMMIT [ROW ...]`. Returns the exit code: 1 when a cost is clearly beyond the limit, 2
 * for wrong words.
 */
async function runCompare([commit, ...names]: string[]): Promise<number> {
  const rounds = Number(options.rounds ?? (options.quick ? 3 : 7));
  const within = Number(options.within) / 100;
  if (!commit || !Number.isInteger(rounds) || rounds < 1 || !(within >= 0)) {
    say('npm run bench -- compare COMMIT [ROW ...] [--rounds N] [--within PERCENT] [--quick]');
    return 2;
  }
  if (rounds < 7) say('Fewer than 7 rounds show that the comparison works; they are not evidence.');
  return (await compare(commit, names, { rounds, measureMs: options.quick ? 1_500 : 3_000, within })) ? 0 : 1;
}

async function run(names: string[]): Promise<void> {
  const data = await openDataFolder();
  const measurements: Measurement[] = [];
  const skipped: Skipped[] = [];
  const { bench, close } = createBench({
    options: { ...options, minutes: Number(options.minutes), foldSeconds: Number(options['fold-seconds']) },
    postgres: data.postgres,
    startMeterr: (database, env) =>
      database === undefined
        ? startMeterr({ dataDir: data.path })
        : startMeterr({
            dataDir: join(data.path, database),
            databaseUrl: databaseOf(data.postgres.connectionString, database),
            env,
          }),
    report: (measurement) => measurements.push(measurement),
    skip: (row, why) => skipped.push({ row, why }),
  });
  let stopped: Promise<void> | null = null;
  // A signal stops what is under way, whose own end then stops all again.
  const stop = () => {
    stopped ??= close().then(stopChildren).then(data.remove);
    return stopped;
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop().then(() => process.exit(1)));
  try {
    for (const name of names) {
      const startMs = performance.now();
      const shown = measurements.length;
      await ROWS[name]?.(bench);
      say(`\n${name} (${Math.round((performance.now() - startMs) / 1000)} s)`);
      say(formatTable(measurements.slice(shown), []));
    }
    const { pool } = await bench.meterr();
    const requests = pool ? await verifyRollups(pool) : 0;
    say(
      `\nAll ${requests.toLocaleString('en-US')} events in the ledger: both rollups say the same, to the last digit.\n`,
    );
    say(formatTable(measurements, skipped));
    say(`\nWritten to ${await writeResults('latest.json', { options, rows: measurements, skipped })}`);
  } finally {
    await stop();
  }
}

async function runRows(names: string[]): Promise<void> {
  const unknown = names.filter((name) => !ROWS[name]);
  if (unknown.length > 0) {
    say(`No such row: ${unknown.join(', ')}. There are: ${Object.keys(ROWS).join(', ')}.`);
    process.exit(1);
  }
  installOwnPackages();
  await run(names.length > 0 ? names : Object.keys(ROWS));
}

say(CAN_PIN ? 'Each server stays on one core, each load client on the next.' : 'Processes run on any core.');
if (positionals[0] !== 'compare') await runRows(positionals);
else {
  const code = await runCompare(positionals.slice(1)).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    return 2;
  });
  process.exit(code);
}
