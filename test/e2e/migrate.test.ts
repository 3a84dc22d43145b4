import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrateDatabase } from '../../src/platform/postgres/migrate/migrate.ts';
import { readMigrations } from '../../src/platform/postgres/migrate/schema-engine.ts';
import { startAndFail } from '../harness/processes/npm-start.ts';
import { usePostgres } from '../harness/processes/postgres-process.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

const ROOT = join(import.meta.dirname, '../..');
/** A copy of what migrates, whose migrations a test may change. */
const clone = join(SCRATCH_FOLDER, `clone-${randomBytes(6).toString('hex')}`);
/** A database as an unreleased version left it. */
const OLDER = `
  CREATE TABLE organizations (id uuid);
  CREATE TABLE _prisma_migrations (migration_name text, checksum text, finished_at timestamptz, rolled_back_at timestamptz, logs text);
  INSERT INTO _prisma_migrations VALUES ('20261122100522_foundation', 'c0ffee', now(), NULL, NULL)`;
const TABLES = `SELECT relname, (SELECT count(*)::int FROM _prisma_migrations) AS migrations
  FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1`;
const OLDER_TABLES = ['_prisma_migrations', 'organizations'].map((relname) => ({ relname, migrations: 1 }));
let connectionString: string;
let names: string[];

async function query(sql: string, url = connectionString): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** `migrateDatabase` of the copy, in a process of its own, from another working folder. */
async function migrateInProcess(): Promise<{ applied?: string[]; error?: string }> {
  const script = `
    const { migrateDatabase } = await import(process.argv[1]);
    const report = await migrateDatabase(process.argv[2]).catch((error) => ({ error: error.message }));
    process.stdout.write(JSON.stringify(report));`;
  const args = [
    '--input-type=module',
    '-e',
    script,
    join(clone, 'src/platform/postgres/migrate/migrate.ts'),
    connectionString,
  ];
  return JSON.parse(
    await text(spawn(process.execPath, args, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] }).stdout),
  );
}

async function addMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(clone, 'prisma/migrations', name), { recursive: true });
  await writeFile(join(clone, 'prisma/migrations', name, 'migration.sql'), sql);
}

beforeAll(async () => {
  names = (await readMigrations()).migrationDirectories.map((migration) => migration.path);
  await cp(join(ROOT, 'src/platform'), join(clone, 'src/platform'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(clone, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
});
beforeEach(async () => {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await query(`CREATE DATABASE ${name}`, inject('postgresUrl'));
  connectionString = inject('postgresUrl').replace('/meterr?', `/${name}?`);
  await rm(join(clone, 'prisma'), { recursive: true, force: true });
  for (const part of ['schema.prisma', 'migrations']) {
    await cp(join(ROOT, 'prisma', part), join(clone, 'prisma', part), { recursive: true });
  }
});
afterEach(() => query(`DROP DATABASE ${new URL(connectionString).pathname.slice(1)}`, inject('postgresUrl')));
afterAll(() => rm(clone, { recursive: true }));

describe('migrateDatabase', () => {
  it('applies each migration once when three processes start at once', async () => {
    const reports = await Promise.all([migrateInProcess(), migrateInProcess(), migrateInProcess()]);
    expect(reports.flatMap((report) => report.applied ?? report.error)).toEqual(names);
    const rows = await query(
      'SELECT migration_name, finished_at IS NOT NULL AS done FROM _prisma_migrations ORDER BY 1',
    );
    expect(rows).toEqual(names.map((migration_name) => ({ migration_name, done: true })));
  });

  it('applies nothing to a current database, and later only what was added', async () => {
    expect(await migrateDatabase(connectionString)).toEqual({ applied: names });
    expect(await migrateDatabase(connectionString)).toEqual({ applied: [] });
    await addMigration('99990101000000_more', 'CREATE TABLE more (id int);');
    expect(await migrateInProcess()).toEqual({ applied: ['99990101000000_more'] });
    expect(await query('SELECT id FROM more')).toEqual([]);
  });

  it('accepts the other line ends, and refuses a migration that was edited', async () => {
    await addMigration('99990101000000_more', 'CREATE TABLE more (id int);\n');
    expect(await migrateInProcess()).toEqual({ applied: [...names, '99990101000000_more'] });
    await addMigration('99990101000000_more', 'CREATE TABLE more (id int);\r\n');
    expect(await migrateInProcess()).toEqual({ applied: [] });
    await addMigration('99990101000000_more', 'CREATE TABLE more (id bigint);\n');
    expect((await migrateInProcess()).error).toMatch(/^The migration 99990101000000_more was edited after .*$/);
  });

  it('names a migration that fails, which has then not happened, and applies it when it is mended', async () => {
    await addMigration('99990101000000_broken', 'CREATE TABLE half (id int); SELECT nothing_of_that_name;');
    expect((await migrateInProcess()).error).toMatch(
      /^The migration 99990101000000_broken failed: .*nothing_of_that.*$/,
    );
    expect(await query("SELECT to_regclass('half') AS found")).toEqual([{ found: null }]);
    expect((await migrateInProcess()).error).toMatch(/^The migration 99990101000000_broken failed: /);
    await addMigration('99990101000000_broken', 'CREATE TABLE half (id int);');
    expect(await migrateInProcess()).toEqual({ applied: ['99990101000000_broken'] });
  });

  it('says in one sentence that a database from before the first migration cannot be upgraded, and leaves it', async () => {
    await query(OLDER);
    const url = connectionString.replace('meterr@', 'meterr:secret@');
    expect(await startAndFail({ DATABASE_URL: url, METERR_LOG_LEVEL: 'warn' })).toEqual({
      code: 1,
      output: `The database ${new URL(url).pathname.slice(1)} on ${new URL(url).searchParams.get('host')} was made by an unreleased version of Meterr and cannot be upgraded: set DATABASE_URL to an empty database.\n`,
    });
    expect(await query(TABLES)).toEqual(OLDER_TABLES);
  });

  it('says the same of the embedded one by its folder, whose server it stops again', async () => {
    const dataDir = join(SCRATCH_FOLDER, `older-${randomBytes(6).toString('hex')}`);
    const before = await usePostgres(dataDir);
    await query(OLDER, before.connectionString);
    await before.stop();
    expect(await startAndFail({ METERR_DATA_DIR: dataDir, METERR_LOG_LEVEL: 'warn' })).toEqual({
      code: 1,
      output: `The database in ${dataDir} was made by an unreleased version of Meterr and cannot be upgraded: move that folder away, or set METERR_DATA_DIR to another one.\n`,
    });
    expect((await readdir(join(before.folder, 'data'))).includes('postmaster.pid')).toBe(false);
    const after = await usePostgres(dataDir);
    expect(await query(TABLES, after.connectionString)).toEqual(OLDER_TABLES);
    await after.stop();
  });

  it('refuses a database with a newer migration in one line, unless that one lets older processes go on', async () => {
    await addMigration('99990101000000_more', '-- meterr: older processes keep working\nCREATE TABLE more (id int);');
    await migrateInProcess();
    expect(await migrateDatabase(connectionString)).toEqual({ applied: [] });
    await addMigration('99990102000000_other', 'CREATE TABLE other (id int);');
    expect(await migrateInProcess()).toEqual({ applied: ['99990102000000_other'] });
    expect(await startAndFail({ DATABASE_URL: connectionString, METERR_LOG_LEVEL: 'warn' })).toEqual({
      code: 1,
      output: `The database was migrated by a newer version of Meterr (99990102000000_other), and this one knows nothing after ${names.at(-1)}: start that version, or restore a backup from before.\n`,
    });
  });

  it('says in one line that there is no server', async () => {
    const start = migrateDatabase('postgresql://meterr@localhost/meterr?host=/nowhere');
    await expect(start).rejects.toThrow(/^No connection to the database: .*ENOENT.*$/);
  });
});
