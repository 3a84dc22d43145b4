import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Config, readConfig } from './config.ts';
import { verifySums } from './domain/verify-sums.ts';
import { startEmbeddedPostgres } from './platform/embedded-postgres/embedded-postgres.ts';
import { AppError } from './platform/errors.ts';
import { describeSummary } from './platform/postgres/backup/describe-summary.ts';
import { type BackupFile, openBackupFile } from './platform/postgres/backup/read-backup-file.ts';
import { analyzeTables, requireKnownMigrations, restoreBackup } from './platform/postgres/backup/restore-backup.ts';
import { cancellingOnAbort, openDatabase } from './platform/postgres/database.ts';
import { readDatabaseUrl } from './platform/postgres/database-url.ts';
import { describeDatabase, openConnection } from './platform/postgres/existing-database.ts';
import { migrateDatabase } from './platform/postgres/migrate/migrate.ts';
import { LOCK_TIMEOUT_MS, runCommand } from './run-command.ts';

// npm run restore -- FILE: fills an empty database, the one that the configuration names, with a backup, and verifies it.
// Exit code 1 and one line where nothing was restored; 1 and the differences where the sums of what was restored differ.

const TEXTS = { failed: 'Not restored', interrupted: 'nothing was restored', code: 1 };

async function open({ databaseUrl, dataDir }: Readonly<Config>, signal: AbortSignal) {
  if (databaseUrl !== null) return { connectionString: readDatabaseUrl(databaseUrl), stop: async () => {} };
  return startEmbeddedPostgres({ dataDir, signal });
}

async function load(connectionString: string, file: BackupFile, where: string, signal: AbortSignal) {
  const client = await openConnection(connectionString, LOCK_TIMEOUT_MS, signal);
  try {
    const loaded = await restoreBackup(client, file, where, signal);
    TEXTS.failed = 'Restored, but not verified';
    TEXTS.interrupted = 'restored, but not verified';
    await analyzeTables(client, file);
    return loaded;
  } finally {
    await client.end();
  }
}

async function verify(connectionString: string, signal: AbortSignal): Promise<string[]> {
  const database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  return cancellingOnAbort(database, signal, () => verifySums(database)).finally(() => database.close());
}

async function restore(signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  const config = readConfig();
  const [given, ...more] = process.argv.slice(2);
  if (!given || more.length > 0) throw new AppError('unavailable', 'name one backup: npm run restore -- FILE');
  const path = resolve(given);
  const file = await openBackupFile(path, signal);
  await requireKnownMigrations(file);
  const { size: bytes } = await stat(path);
  const { databaseUrl, dataDir } = config;
  const where = describeDatabase(databaseUrl, dataDir);
  const server = await open(config, signal);
  try {
    const { connectionString } = server;
    const loaded = await load(connectionString, file, where, signal);
    await migrateDatabase(connectionString, databaseUrl === null ? dataDir : undefined, { waitMs: 0, signal });
    const lines = await verify(connectionString, signal);
    const verdict = lines.length === 0 ? 'every sum equals its ledger' : 'the sums differ from the ledger';
    const what = describeSummary({ ...loaded, bytes }, startedMs);
    const last = `Restored ${path} into the database ${where}: ${what}; ${verdict}.`;
    process.stdout.write([...lines, last, ''].join('\n'));
    return lines.length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

await runCommand(restore, TEXTS);
