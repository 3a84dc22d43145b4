import { createHash } from 'node:crypto';
import pg from 'pg';
import { AppError } from '../../errors.ts';
import { copyIn } from '../copy/copy-in.ts';
import { type BackupContents, CONTENTS_NAME, partName, readContents } from './backup-format.ts';
import { type BackedUpTable, copyTarget, listSeededTables, listTables, quoted } from './list-tables.ts';
import type { BackupFile } from './read-backup-file.ts';
import { readBody, type TarEntry } from './tar.ts';
import { withoutIndexes } from './without-indexes.ts';

// ALWAYS is kept: a trigger of that kind must not become one that a session can switch off.
const INSERT_TRIGGERS = `
  SELECT c.relname::text AS table, t.tgname::text AS name,
         CASE t.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END AS enable
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
   WHERE NOT t.tgisinternal AND t.tgtype & 4 <> 0 AND t.tgenabled <> 'D'
     AND c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname::text = ANY($1)`;

/** Rows that are copied in fire nothing: what they would make is in the backup itself. */
async function withoutTriggers(client: pg.Client, tables: readonly string[], work: () => Promise<void>): Promise<void> {
  const { rows } = await client.query<{ table: string; name: string; enable: string }>(INSERT_TRIGGERS, [tables]);
  for (const { table, name } of rows)
    await client.query(`ALTER TABLE ${quoted(table)} DISABLE TRIGGER ${quoted(name)}`);
  await work();
  for (const { table, name, enable } of rows) {
    await client.query(`ALTER TABLE ${quoted(table)} ${enable} TRIGGER ${quoted(name)}`);
  }
}

/** Leaves the tables without a row. @throws AppError unavailable where somebody has used them */
async function requireEmpty(client: pg.Client, tables: readonly string[], seeded: readonly string[], where: string) {
  for (const table of tables) {
    const { rows } = await client.query(`SELECT FROM ${quoted(table)} LIMIT 1`);
    if (rows.length === 0) continue;
    if (seeded.includes(table)) await client.query(`DELETE FROM ${quoted(table)}`);
    else {
      const message = `The database ${where} is not empty, ${table} has rows: restore into an empty database (another METERR_DATA_DIR or DATABASE_URL).`;
      throw new AppError('unavailable', message);
    }
  }
}

/** Reads the parts of each table, one after the other, and then the last file. */
function createArchiveReader(entries: AsyncGenerator<TarEntry>) {
  let next: TarEntry | null = null;

  async function peek(): Promise<TarEntry | null> {
    if (next === null) {
      const { done, value } = await entries.next();
      next = done ? null : value;
    }
    return next;
  }

  return {
    async *rowsOf(table: string, told: (bytes: Buffer) => void): AsyncGenerator<Buffer> {
      for (let part = 1; ; part++) {
        const entry = await peek();
        if (entry?.name !== partName(table, part)) return;
        for await (const bytes of entry.body) {
          told(bytes);
          yield bytes;
        }
        next = null;
      }
    },
    async readContents(): Promise<BackupContents> {
      const entry = await peek();
      if (entry?.name !== CONTENTS_NAME) throw new Error(`${entry?.name ?? 'its end'} is not expected there`);
      return readContents((await readBody(entry.body)).toString('utf8'));
    },
  };
}

async function fill(client: pg.Client, file: BackupFile, tables: readonly BackedUpTable[]): Promise<number> {
  const reader = createArchiveReader(file.entries());
  const loaded: BackupContents['tables'] = [];
  for (const table of tables) {
    const hash = createHash('sha256');
    let bytes = 0;
    const rows = reader.rowsOf(table.name, (part) => {
      hash.update(part);
      bytes += part.length;
    });
    const count = await copyIn(client, `COPY ${copyTarget(table)} FROM STDIN`, rows);
    loaded.push({ name: table.name, rows: count, bytes, sha256: hash.digest('hex') });
  }
  const contents = await reader.readContents();
  if (JSON.stringify(contents.tables) !== JSON.stringify(loaded)) {
    throw new Error('the rows are not those that the backup says it has');
  }
  for (const { name, lastValue, isCalled } of contents.sequences) {
    await client.query('SELECT setval($1::regclass, $2::bigint, $3)', [quoted(name), lastValue, isCalled]);
  }
  return loaded.reduce((sum, { rows }) => sum + rows, 0);
}

/** A table or column of the backup that the database does not have. */
function findMissing(file: BackupFile, there: readonly BackedUpTable[]): string | null {
  const known = new Set(there.flatMap(({ name, columns }) => columns.map((column) => `${name}.${column}`)));
  const wanted = file.header.tables.flatMap(({ name, columns }) => columns.map((column) => `${name}.${column}`));
  return wanted.find((column) => !known.has(column)) ?? null;
}

/**
 * Fills an empty database, migrated to where the backup was, in one transaction: all of it or nothing.
 * The owner of the tables needs no other right.
 * @param where names the database in messages
 * @returns the number of rows
 * @throws AppError unavailable when the database is not empty, or the file does not fit; what the database says
 *   otherwise
 */
export async function loadBackup(client: pg.Client, file: BackupFile, where: string): Promise<number> {
  const migrations = file.header.migrations.map(({ name }) => name);
  const there = (await listTables(client, migrations)).map(({ name }) => name);
  const seeded = await listSeededTables(migrations);
  let rows = 0;
  await client.query('BEGIN');
  try {
    await client.query(`LOCK TABLE ${there.map(quoted).join(', ')} IN ACCESS EXCLUSIVE MODE`);
    await requireEmpty(client, there, seeded, where);
    const missing = findMissing(file, await listTables(client, migrations));
    if (missing) throw new Error(`there is no ${missing}`);
    await withoutTriggers(client, there, () =>
      withoutIndexes(client, there, async () => {
        rows = await fill(client, file, file.header.tables);
      }),
    );
    await client.query('COMMIT');
    return rows;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    if (error instanceof AppError || error instanceof pg.DatabaseError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError('unavailable', `${file.path} could not be loaded: ${reason}`, { cause: error });
  }
}
