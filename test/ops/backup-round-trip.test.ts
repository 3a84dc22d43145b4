import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { listTables } from '../../src/platform/postgres/backup/list-tables.ts';
import { openBackupFile } from '../../src/platform/postgres/backup/read-backup-file.ts';
import { requireKnownMigrations, restoreBackup } from '../../src/platform/postgres/backup/restore-backup.ts';
import { writeBackup } from '../../src/platform/postgres/backup/write-backup.ts';
import { openConnection } from '../../src/platform/postgres/existing-database.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { insertAnyRows, readEverything } from './backup-any-rows.ts';

// A backup and its way back, in one process: what comes back, and what is refused.

const folder = mkdtempSync(join(tmpdir(), 'meterr-backup-'));
const path = join(folder, 'backup.tar.zst');
const { signal } = new AbortController();
const ROWS = 6;
/** A role without any right but its own database. */
const role = `plain_${randomBytes(6).toString('hex')}`;
const SEQUENCES = "SELECT setval(s.oid::regclass, 1000 + s.oid::bigint % 1000) FROM pg_class s WHERE s.relkind = 'S'";

let source: TestDatabase;
let client: pg.Client;
let tables: string[];
const dropped: string[] = [];

const connect = (url: string) => openConnection(url, 5_000, signal);

async function onServer(text: string): Promise<void> {
  const server = new pg.Client(inject('postgresUrl'));
  await server.connect();
  await server.query(text).finally(() => server.end());
}

/** An empty database of the plain role's, and its URL for that role. */
async function emptyDatabase(): Promise<string> {
  const name = `restored_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name} OWNER ${role}`);
  dropped.push(name);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  url.username = role;
  return url.href;
}

beforeAll(async () => {
  await onServer(`CREATE ROLE ${role} LOGIN`);
  source = await createTestDatabase();
  client = await connect(source.connectionString);
  await client.query('TRUNCATE catalog_entries, catalog_versions, prices; DELETE FROM usage_fold');
  tables = (await listTables(client, ['20261128000000_baseline'])).map(({ name }) => name);
  await insertAnyRows(client, tables, ROWS);
  await client.query(SEQUENCES);
  await writeBackup({ client, path, meterr: '0.1.0', where: 'source', signal });
});

afterAll(async () => {
  await client?.end();
  await source?.drop();
  for (const name of dropped) await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
  await onServer(`DROP ROLE ${role}`);
  rmSync(folder, { recursive: true, force: true });
});

/** Indexes and constraints, by their definitions. */
async function readIndexes(sql: pg.Client): Promise<unknown[]> {
  const { rows } = await sql.query(
    `SELECT tablename::text AS table, indexname::text AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL
     SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3`,
  );
  return rows;
}

async function restoreInto(url: string, file = path): Promise<number> {
  const target = await connect(url);
  try {
    const backup = await openBackupFile(file, signal);
    await requireKnownMigrations(backup);
    return (await restoreBackup(target, backup, 'target', signal)).rows;
  } finally {
    await target.end();
  }
}

/** The one line that a restore of these bytes is refused with. */
async function refusalOf(bytes: Buffer): Promise<string> {
  const file = join(folder, 'changed.tar.zst');
  writeFileSync(file, bytes);
  const refusal = await openBackupFile(file, signal).then(
    () => 'it was accepted',
    (error: Error) => error.message,
  );
  expect(refusal).toContain(file);
  expect(refusal).not.toContain('\n');
  return refusal.replace(file, 'FILE');
}

describe('a round trip', () => {
  it('a backup has every table that the migrations made', async () => {
    const { rows } = await client.query(
      `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
          AND relname <> '_prisma_migrations' ORDER BY 1`,
    );
    expect([...tables].sort()).toEqual(rows.map(({ relname }) => relname));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['backup.tar.zst']);
  });

  it('every value of every table, and every sequence, comes back as it was, for an owner who is no superuser', async () => {
    const url = await emptyDatabase();
    expect(await restoreInto(url)).toBe(tables.length * ROWS);
    const target = await connect(url);
    const there = await readEverything(target, tables);
    const deliveries = await target.query('SELECT count(*)::int FROM webhook_deliveries');
    const triggers = await target.query(
      `SELECT tgname::text AS name, tgenabled AS enabled FROM pg_trigger
        WHERE NOT tgisinternal AND tgname <> 'announce_change' ORDER BY 1`,
    );
    const indexes = await readIndexes(target);
    const refused = await target.query('UPDATE audit_entries SET at = now()').catch((error: Error) => error.message);
    await target.end();
    expect(there).toEqual(await readEverything(client, tables));
    expect(indexes.length).toBeGreaterThan(40);
    expect(indexes).toEqual(await readIndexes(client));
    // Events that were copied in made no deliveries, and those to come do.
    expect(deliveries.rows).toEqual([{ count: ROWS }]);
    expect(triggers.rows).toEqual([
      { name: 'queue_webhook_deliveries', enabled: 'O' },
      { name: 'refuse_change', enabled: 'A' },
    ]);
    expect(refused).toContain('append-only');
  });

  it('a role that may only read makes the same backup', async () => {
    const reader = `reader_${randomBytes(6).toString('hex')}`;
    await onServer(`CREATE ROLE ${reader} LOGIN; GRANT pg_read_all_data TO ${reader}`);
    const url = new URL(source.connectionString);
    url.username = reader;
    const read = await connect(url.href);
    const by = { client: read, path: join(folder, 'read.tar.zst'), meterr: '0.1.0', where: 'source', signal };
    const summary = await writeBackup(by).finally(() => read.end());
    await onServer(`DROP ROLE ${reader}`);
    expect(summary.rows).toBe(tables.length * ROWS);
  });

  it('a restore into a schema of its own', async () => {
    const url = await emptyDatabase();
    const owner = await connect(url);
    await owner.query('CREATE SCHEMA "Costs"');
    await owner.end();
    const own = `${url}&options=${encodeURIComponent('-c search_path="Costs"')}`;
    expect(await restoreInto(own)).toBe(tables.length * ROWS);
    const target = await connect(own);
    const again = join(folder, 'again.tar.zst');
    const summary = await writeBackup({ client: target, path: again, meterr: '0.1.0', where: 'own', signal });
    const { rows } = await target.query('SELECT count(*)::int FROM "Costs".holds');
    await target.end();
    expect(rows).toEqual([{ count: ROWS }]);
    expect(summary.rows).toBe(tables.length * ROWS);
  });
});

describe('what is refused, in one line that names the file', () => {
  it('any byte that is not as it was', async () => {
    const whole = readFileSync(path);
    const places = [0, 3, 4, 9, ...Array.from({ length: 60 }, () => randomInt(whole.length))];
    for (let end = 1; end <= 91; end += 5) places.push(whole.length - end);
    for (const place of places) {
      const changed = Buffer.from(whole);
      changed[place] = (changed[place] ?? 0) ^ (1 << randomInt(8));
      expect(await refusalOf(changed), `byte ${place}`).toMatch(
        /FILE (is damaged|is not whole|is not a backup|has the format)/,
      );
    }
  });

  it('a file that is cut off anywhere', async () => {
    const whole = readFileSync(path);
    for (const length of [4, 91, whole.length - 1, whole.length - 91, randomInt(5, whole.length)]) {
      expect(await refusalOf(whole.subarray(0, length)), `${length} bytes`).toMatch(/FILE is not whole/);
    }
    expect(await refusalOf(Buffer.concat([whole, Buffer.from('\n')]))).toMatch(/FILE is not whole/);
  });

  it('another file, an empty one, a newer format', async () => {
    expect(await refusalOf(Buffer.alloc(0))).toMatch(/FILE is not a backup of Meterr/);
    expect(await refusalOf(readFileSync(import.meta.filename))).toMatch(/FILE is not a backup of Meterr/);
    const text = readFileSync(path).toString('latin1').replace('METERR BACKUP 001', 'METERR BACKUP 002');
    expect(await refusalOf(Buffer.from(text, 'latin1'))).toBe(
      'FILE has the format 2, of a newer Meterr: restore it with that version.',
    );
    mkdirSync(join(folder, 'a-folder'));
    await expect(openBackupFile(join(folder, 'a-folder'), signal)).rejects.toThrow('is not a file');
  });

  it('a backup with a migration that is not known here', async () => {
    const backup = await openBackupFile(path, signal);
    const newer = { name: '20991231000000_later', checksum: '0'.repeat(64) };
    const header = { ...backup.header, meterr: '9.0.0', migrations: [...backup.header.migrations, newer] };
    await expect(requireKnownMigrations({ ...backup, header })).rejects.toThrow(
      /made by Meterr 9\.0\.0 and has the migration 20991231000000_later, which is not known here: restore it with/,
    );
  });

  it('a database with rows, or in use; nothing is changed there', async () => {
    const url = await emptyDatabase();
    await restoreInto(url);
    await expect(restoreInto(url)).rejects.toThrow(/The database target is not empty, \w+ has rows: restore into/);
    const user = await connect(url);
    const before = await readEverything(user, tables);
    await expect(restoreInto(url)).rejects.toThrow(
      'Another program uses the database target: stop Meterr there first.',
    );
    expect(await readEverything(user, tables)).toEqual(before);
    await user.end();
  });

  it('a backup over a file that is there', async () => {
    const before = readFileSync(path);
    const options = { client, path, meterr: '0.1.0', where: 'source', signal };
    await expect(writeBackup(options)).rejects.toThrow('is there already and is not overwritten');
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});
