import { readConfig } from './config.ts';
import { verifyBudgets } from './domain/budgets/verify-budgets.ts';
import { verifyCredits } from './domain/credits/verify-credits.ts';
import { verifyUsage } from './domain/usage/upkeep/verify-usage.ts';
import { createLog } from './platform/log.ts';
import { cancellingOnAbort, type Database, openDatabase } from './platform/postgres/database.ts';
import { openDatabaseServer } from './platform/postgres/database-server.ts';
import { isLockTimeout } from './platform/postgres/pool/database-errors.ts';

// npm run verify: adds the ledger up again and compares it with everything that is summed from it.
// Exit code 1, and the first difference of each kind, when they disagree; 2, and one line that says
// why, when that could not be found out. Safe beside a running server.

const LOCK_TIMEOUT_MS = 5_000;
const COULD_NOT_VERIFY = 2;

async function compare(database: Database): Promise<number> {
  const usage = (await verifyUsage(database)).map(({ bucket, seriesId, ...rest }) => {
    return { ...rest, of: `${bucket}, series ${seriesId}` };
  });
  const differences = [...usage, ...(await verifyBudgets(database)), ...(await verifyCredits(database))];
  for (const { table, organizationId, of, kept, summed } of differences) {
    process.stdout.write(
      `${table}: organization ${organizationId}, ${of}\n  kept:     ${kept}\n  re-added: ${summed}\n`,
    );
  }
  const verdict = differences.length === 0 ? 'Every sum equals its ledger.' : 'The sums differ from the ledger.';
  process.stdout.write(`${verdict}\n`);
  return differences.length === 0 ? 0 : 1;
}

async function verify(signal: AbortSignal): Promise<number> {
  const config = readConfig();
  const log = createLog('error');
  const server = await openDatabaseServer(config.databaseUrl, config.dataDir, log, signal);
  const database = openDatabase({
    connectionString: server.connectionString,
    connections: 2,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
    onError: (error) => log.warn({ err: error }, 'a database connection was lost'),
  });
  try {
    return await cancellingOnAbort(database, signal, () => compare(database));
  } finally {
    await database.close();
    await server.stop();
  }
}

function explain(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `Interrupted by ${signal.reason.message}: not everything was compared.`;
  const message = error instanceof Error ? error.message || error.name : String(error);
  const cause = isLockTimeout(error) ? `another session kept a table locked for ${LOCK_TIMEOUT_MS / 1000} s` : message;
  return `Not verified: ${cause.replace(/\s+/g, ' ')}`;
}

const interrupted = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => interrupted.abort(new Error(name)));
}
const { signal } = interrupted;
process.exitCode = await verify(signal).catch((error: unknown) => {
  process.stderr.write(`${explain(error, signal)}\n`);
  return COULD_NOT_VERIFY;
});
