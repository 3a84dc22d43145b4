import { randomBytes } from 'node:crypto';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

// This Meterr, and a newer one: a copy with one more migration.

const ROOT = join(import.meta.dirname, '../..');
const clone = join(SCRATCH_FOLDER, `clone-${randomBytes(6).toString('hex')}`);
const NEWER = '20991231000000_newer';
const TIMEOUT_MS = 120_000;
const made: string[] = [];
let old: TestDatabase;

async function query(text: string, url = inject('postgresUrl')): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  return (await client.query(text).finally(() => client.end())).rows;
}

async function emptyDatabase(): Promise<string> {
  const name = `restored_${randomBytes(6).toString('hex')}`;
  await query(`CREATE DATABASE ${name}`);
  made.push(name);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return url.href;
}

async function run(root: string, script: string, url: string, ...args: string[]): Promise<string> {
  const env = { DATABASE_URL: url, METERR_DATA_DIR: join(clone, 'none') };
  const command = startNode(join(relative(ROOT, root), script), env, args);
  await command.ended;
  return command.output();
}

const tablesOf = (output: string) => Number(/^Backed up .* rows of (\d+) tables/.exec(output)?.[1]);

beforeAll(async () => {
  old = await createTestDatabase();
  await mkdir(clone, { recursive: true });
  for (const name of ['src', 'prisma', 'package.json'])
    await cp(join(ROOT, name), join(clone, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  const migration = join(clone, 'prisma/migrations', NEWER);
  await mkdir(migration);
  const text = `ALTER TABLE "teams" ADD COLUMN "color" TEXT NOT NULL DEFAULT 'blue';\nCREATE TABLE "colors" ("name" TEXT);\n`;
  await writeFile(join(migration, 'migration.sql'), text);
  await query(`INSERT INTO organizations (id, name) VALUES (gen_random_uuid(), 'One')`, old.connectionString);
  await query(
    `INSERT INTO teams (id, organization_id, name) SELECT gen_random_uuid(), id, 'Team' FROM organizations`,
    old.connectionString,
  );
}, TIMEOUT_MS);

afterAll(async () => {
  for (const name of made) await query(`DROP DATABASE ${name} WITH (FORCE)`);
  await old?.drop();
  await rm(clone, { recursive: true, force: true });
});

it(
  'a newer Meterr backs up an older database before it migrates it, and migrates what it restores; the older one refuses',
  async () => {
    expect(await run(clone, 'src/verify.ts', old.connectionString)).toMatch(
      /^Not verified: The database \S+ on \S+ is older than this Meterr: npm start brings it up to date\.\n$/,
    );
    const before = join(clone, 'before.tar.zst');
    const tables = tablesOf(await run(clone, 'src/backup.ts', old.connectionString, before));
    const newer = await emptyDatabase();
    expect(await run(clone, 'src/restore.ts', newer, before)).toMatch(/^Restored .*; every sum equals its ledger\.\n$/);
    expect(await query('SELECT name, color FROM teams', newer)).toEqual([{ name: 'Team', color: 'blue' }]);

    expect(await run(ROOT, 'src/backup.ts', newer, join(clone, 'none.tar.zst'))).toMatch(
      /^Not backed up: The database \S+ on \S+ is newer than this Meterr: use the Meterr that runs on it\.\n$/,
    );
    const after = join(clone, 'after.tar.zst');
    expect(tablesOf(await run(clone, 'src/backup.ts', newer, after))).toBe(tables + 1);
    const empty = await emptyDatabase();
    expect(await run(ROOT, 'src/restore.ts', empty, after)).toMatch(
      /^Not restored: \S+ was made by Meterr \S+ and has the migration 20991231000000_newer, which is not known here: [^\n]+\n$/,
    );
    expect(await query(`SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace`, empty)).toEqual([]);

    // Migrated by the newer one already, and so without a place for what the older one knew.
    await query('DELETE FROM teams; DELETE FROM organizations', newer);
    expect(await run(clone, 'src/restore.ts', newer, before)).toMatch(
      /^Not restored: The database \S+ on \S+ has the migration 20991231000000_newer, and the backup is older: [^\n]+\n$/,
    );
  },
  TIMEOUT_MS,
);
