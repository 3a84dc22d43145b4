import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrateDatabase } from '../../src/platform/postgres/migrate.ts';
import { readMigrations } from '../../src/platform/postgres/schema-engine.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

const ROOT = join(import.meta.dirname, '../..');
/** A copy of what migrates, whose migrations a test may change. */
const clone = join(SCRATCH_FOLDER, `clone-${randomBytes(6).toString('hex')}`);
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
  const args = ['--input-type=module', '-e', script, join(clone, 'src/platform/postgres/migrate.ts'), connectionString];
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

  it('names a migration that fails, and again at each start until it is resolved', async () => {
    await addMigration('99990101000000_broken', 'CREATE TABLE half (id int); SELECT nothing_of_that_name;');
    expect((await migrateInProcess()).error).toMatch(
      /^The migration 99990101000000_broken failed: .*nothing_of_that.*$/,
    );
    expect(await query("SELECT to_regclass('half') AS found")).toEqual([{ found: null }]);
    expect((await migrateInProcess()).error).toMatch(/^The migration 99990101000000_broken failed .* earlier: .*$/);
  });

  it('keeps what open holds reserve, where it moves into the holds themselves', async () => {
    const moving = names.findIndex((name) => name.endsWith('_holds_carry_reservations'));
    for (const name of names.slice(moving)) await rm(join(clone, 'prisma/migrations', name), { recursive: true });
    expect(await migrateInProcess()).toEqual({ applied: names.slice(0, moving) });
    const [organization, hold, released, a, b] = Array.from({ length: 5 }, () => randomUUID());
    const period = `'2026-11-01Z'`;
    await query(`
      INSERT INTO organizations (id, name) VALUES ('${organization}', 'Old');
      INSERT INTO budget_counters (organization_id, budget_id, subject, period_start, period_end, spent, held)
      VALUES ('${organization}', '${a}', '', ${period}, '2026-12-01Z', 1, 3), ('${organization}', '${b}', 'u', ${period}, '2026-12-01Z', 1, 2);
      INSERT INTO holds (organization_id, id, status, provider, model, amount, tokens, api_key_id, created_at, expires_at)
      SELECT '${organization}', id::uuid, status, 'openai', 'gpt-4o', 2, 7, '${a}', now(), now() + interval '1 hour'
        FROM (VALUES ('${hold}', 'active'), ('${released}', 'released')) AS h(id, status);
      INSERT INTO hold_reservations (organization_id, hold_id, budget_id, subject, period_start, amount, expires_at)
      VALUES ('${organization}', '${hold}', '${b}', 'u', ${period}, 2, now()), ('${organization}', '${hold}', '${a}', '', ${period}, 3, now())`);
    expect(await migrateDatabase(connectionString)).toEqual({ applied: names.slice(moving) });
    for (const id of [hold, released, hold]) {
      await query(`SELECT release_hold('${organization}', '${id}', NULL, now())`);
    }
    expect(await query('SELECT held = 0 AS free FROM budget_counters')).toEqual([{ free: true }, { free: true }]);
  });

  it('leaves a database alone that knows newer migrations', async () => {
    await addMigration('99990101000000_more', 'CREATE TABLE more (id int);');
    await migrateInProcess();
    expect(await migrateDatabase(connectionString)).toEqual({ applied: [] });
  });

  it('says in one line that there is no server', async () => {
    const start = migrateDatabase('postgresql://meterr@localhost/meterr?host=/nowhere');
    await expect(start).rejects.toThrow(/^No connection to the database: .*ENOENT.*$/);
  });
});
