import { readConfig } from './config.ts';
import { verifySums } from './domain/verify-sums.ts';
import { cancellingOnAbort, openDatabase } from './platform/postgres/database.ts';
import { openConnection, openExistingDatabase } from './platform/postgres/existing-database.ts';
import { requireMigrations } from './platform/postgres/migrate/require-migrations.ts';
import { LOCK_TIMEOUT_MS, runCommand } from './run-command.ts';

// npm run verify: adds the ledger up again and compares it with everything that is summed from it. It only reads.
// Exit code 1, and the first difference of each kind, when they disagree; 2, and one line that says
// why, when that could not be found out. Safe beside a running server.

const COULD_NOT_VERIFY = 2;

async function requireCurrent(connectionString: string, where: string, signal: AbortSignal): Promise<void> {
  const client = await openConnection(connectionString, LOCK_TIMEOUT_MS, signal);
  await requireMigrations(client, where, ['current']).finally(() => client.end());
}

async function verify(signal: AbortSignal): Promise<number> {
  const config = readConfig();
  const server = await openExistingDatabase(config.databaseUrl, config.dataDir, signal);
  const { connectionString, where } = server;
  try {
    await requireCurrent(connectionString, where, signal);
    const database = openDatabase({
      connectionString,
      connections: 2,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      onError: () => {},
    });
    const lines = await cancellingOnAbort(database, signal, () => verifySums(database)).finally(() => database.close());
    const verdict = lines.length === 0 ? 'Every sum equals its ledger.' : 'The sums differ from the ledger.';
    process.stdout.write([...lines, verdict, ''].join('\n'));
    return lines.length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

await runCommand(verify, {
  failed: 'Not verified',
  interrupted: 'not everything was compared',
  code: COULD_NOT_VERIFY,
});
