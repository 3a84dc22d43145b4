import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readConfig } from './config.ts';
import { ROOT } from './config-values.ts';
import { AppError } from './platform/errors.ts';
import { describeSummary } from './platform/postgres/backup/describe-summary.ts';
import { writeBackup } from './platform/postgres/backup/write-backup.ts';
import { openConnection, openExistingDatabase } from './platform/postgres/existing-database.ts';
import { LOCK_TIMEOUT_MS, runCommand } from './run-command.ts';

// npm run backup -- [FILE or FOLDER]: one snapshot of the database in one file, while the server runs. It only reads.

function nameNow(): string {
  return `meterr-backup-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}.tar.zst`;
}

async function readPath(args: readonly string[]): Promise<string> {
  const [given, ...more] = args;
  if (more.length > 0) throw new AppError('unavailable', 'name one file or folder: npm run backup -- FILE');
  const path = resolve(given ?? '.');
  const isFolder = (await stat(path).catch(() => null))?.isDirectory();
  return isFolder ? join(path, nameNow()) : path;
}

async function backup(signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  const config = readConfig();
  const path = await readPath(process.argv.slice(2));
  const { version: meterr } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const server = await openExistingDatabase(config.databaseUrl, config.dataDir, signal);
  const { connectionString, where } = server;
  try {
    const client = await openConnection(connectionString, LOCK_TIMEOUT_MS, signal);
    const summary = await writeBackup({ client, path, meterr, where, signal }).finally(() => client.end());
    const what = describeSummary(summary, startedMs);
    process.stdout.write(`Backed up the database ${where} to ${path}: ${what}.\n`);
    return 0;
  } finally {
    await server.stop();
  }
}

await runCommand(backup, { failed: 'Not backed up', interrupted: 'no backup was made', code: 1 });
