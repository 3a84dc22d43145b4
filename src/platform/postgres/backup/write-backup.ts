import { createHash } from 'node:crypto';
import type pg from 'pg';
import { copyOut } from '../copy/copy-out.ts';
import { MIGRATIONS_LOCK } from '../migrate/migrate.ts';
import { requireMigrations } from '../migrate/require-migrations.ts';
import {
  BACKUP_FORMAT,
  type BackupContents,
  type BackupHeader,
  CONTENTS_NAME,
  HEADER_NAME,
  partName,
} from './backup-format.ts';
import { type BackedUpTable, copyTarget, listSequences, listTables, quoted } from './list-tables.ts';
import { tarEnd, tarFile } from './tar.ts';
import { requireNothingAt, writeBackupFile } from './write-backup-file.ts';

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

export interface BackupOptions {
  /** A session of its own, with the settings of ours. */
  client: pg.Client;
  path: string;
  /** The version of Meterr that makes it. */
  meterr: string;
  /** Names the database in messages. */
  where: string;
  signal: AbortSignal;
}

/** What became of a backup or a restore. */
export interface BackupSummary {
  tables: number;
  rows: number;
  /** Of the file. */
  bytes: number;
}

function jsonFile(name: string, value: BackupHeader | BackupContents, atMs: number): Buffer[] {
  return tarFile(name, [Buffer.from(`${JSON.stringify(value, null, 1)}\n`)], atMs);
}

async function* copyTable(client: pg.Client, table: BackedUpTable, atMs: number, told: BackupContents['tables']) {
  const hash = createHash('sha256');
  const copied = copyOut(client, `COPY ${copyTarget(table)} TO STDOUT`);
  let bytes = 0;
  for (let part = 1; ; part++) {
    const { done, value } = await copied.next();
    if (done) {
      told.push({ name: table.name, rows: value, bytes, sha256: hash.digest('hex') });
      return;
    }
    hash.update(value);
    bytes += value.length;
    yield* tarFile(partName(table.name, part), [value], atMs);
  }
}

/** They are in no snapshot: read after the tables, none is behind what the tables contain. */
async function readSequences(client: pg.Client, tables: readonly string[]): Promise<BackupContents['sequences']> {
  const sequences: BackupContents['sequences'] = [];
  for (const name of await listSequences(client, tables)) {
    const { rows } = await client.query<{ lastValue: string; isCalled: boolean }>(
      `SELECT last_value::text AS "lastValue", is_called AS "isCalled" FROM ${quoted(name)}`,
    );
    for (const row of rows) sequences.push({ name, ...row });
  }
  return sequences;
}

/**
 * Begins the transaction. While its tables and its moment are found out, no migration runs; then it holds
 * locks that a migration of a table waits for.
 */
async function begin({ client, where }: BackupOptions) {
  await client.query('SELECT pg_advisory_lock_shared($1)', [MIGRATIONS_LOCK]);
  const migrations = await requireMigrations(client, where, ['current', 'behind']);
  const tables = await listTables(
    client,
    migrations.map(({ name }) => name),
  );
  await client.query(BEGIN);
  await client.query(`LOCK TABLE ${tables.map(({ name }) => quoted(name)).join(', ')} IN ACCESS SHARE MODE`);
  const { rows } = await client.query<{ at: Date; postgres: string }>(
    `SELECT now() AS at, current_setting('server_version') AS postgres`,
  );
  await client.query('SELECT pg_advisory_unlock_shared($1)', [MIGRATIONS_LOCK]);
  const { at = new Date(), postgres = '' } = rows[0] ?? {};
  return { migrations, tables, at, postgres };
}

type Begun = Awaited<ReturnType<typeof begin>>;

async function* archive(options: BackupOptions, begun: Begun, contents: BackupContents): AsyncGenerator<Buffer> {
  const { client, meterr } = options;
  const { migrations, tables, at, postgres } = begun;
  const header: BackupHeader = {
    format: BACKUP_FORMAT,
    meterr,
    takenAt: at.toISOString(),
    postgres,
    encoding: 'UTF8',
    migrations,
    tables,
  };
  const atMs = at.getTime();
  yield* jsonFile(HEADER_NAME, header, atMs);
  for (const table of tables) yield* copyTable(client, table, atMs, contents.tables);
  contents.sequences.push(
    ...(await readSequences(
      client,
      tables.map(({ name }) => name),
    )),
  );
  await client.query('COMMIT');
  yield* jsonFile(CONTENTS_NAME, contents, atMs);
  yield tarEnd();
}

/**
 * Writes one snapshot of all tables of Meterr into a file, while others read and write. Memory stays the
 * same however much there is.
 * @throws AppError unavailable where the file exists, or the database is not one that this Meterr knows; the
 *   error of the disk or the database
 */
export async function writeBackup(options: BackupOptions): Promise<BackupSummary> {
  await requireNothingAt(options.path);
  const contents: BackupContents = { tables: [], sequences: [] };
  const begun = await begin(options);
  const bytes = await writeBackupFile(options.path, archive(options, begun, contents), options.signal);
  const rows = contents.tables.reduce((sum, table) => sum + table.rows, 0);
  return { tables: contents.tables.length, rows, bytes };
}
