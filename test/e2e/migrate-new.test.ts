import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

const ROOT = join(import.meta.dirname, '../..');
/** A copy of what writes migrations, whose tables and functions a test may change. */
const clone = join(SCRATCH_FOLDER, `migrate-new-${randomBytes(6).toString('hex')}`);
const fileOf = (name: string) => join(clone, 'prisma/functions', `${name}.sql`);

async function migrateNew(name: string): Promise<{ code: number; output: string; errors: string }> {
  const child = spawn(process.execPath, [join(clone, 'scripts/migrate-new.ts'), name], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, output, errors };
}

async function listMigrations(): Promise<string[]> {
  return (await readdir(join(clone, 'prisma/migrations'))).filter((name) => /^\d/.test(name)).sort();
}

/** Replaces a part of the file of a function, which must be there. Returns the file's new text. */
async function edit(name: string, from: string, to: string): Promise<string> {
  const before = await readFile(fileOf(name), 'utf8');
  expect(before).toContain(from);
  const after = before.replace(from, to);
  await writeFile(fileOf(name), after);
  return after.trim();
}

beforeAll(async () => {
  for (const folder of ['scripts', 'src/platform']) {
    await cp(join(ROOT, folder), join(clone, folder), { recursive: true });
  }
  await cp(join(ROOT, 'package.json'), join(clone, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
});
beforeEach(async () => {
  await rm(join(clone, 'prisma'), { recursive: true, force: true });
  for (const part of ['schema.prisma', 'migrations', 'functions']) {
    await cp(join(ROOT, 'prisma', part), join(clone, 'prisma', part), { recursive: true });
  }
});
afterAll(() => rm(clone, { recursive: true }));

describe('npm run migrate:new', () => {
  it('writes the files’ own text for what differs, drops first where it must, and then has nothing to write', async () => {
    const before = await listMigrations();
    const body = await edit('lock_organization', '::text, 0)', '::text, 1)');
    const added = await edit('raise_event', 'payload jsonb)', 'payload jsonb, copies int)');
    const renamed = await edit(
      'expire_and_check_credits',
      'organization uuid, at timestamptz)',
      'organization uuid, at_time timestamptz)',
    );
    const result = await edit('available_credits', 'RETURNS numeric', 'RETURNS text');
    const setting = await edit('sweep_holds', ' SET enable_seqscan = off', '');
    const made = `-- Calls what is made after it.\nCREATE OR REPLACE FUNCTION a_note(team teams) RETURNS text LANGUAGE sql AS $$
  SELECT z_note(team.note)\n$$;`;
    const later = 'CREATE OR REPLACE FUNCTION z_note(note text) RETURNS text LANGUAGE sql AS $$ SELECT note $$;';
    await writeFile(fileOf('a_note'), `${made}\n`);
    await writeFile(fileOf('z_note'), `${later}\n`);
    await rm(fileOf('cover_overdraft'));
    const schema = join(clone, 'prisma/schema.prisma');
    const tables = await readFile(schema, 'utf8');
    await writeFile(schema, tables.replace('model Team {', 'model Team {\n  note String?'));

    const { code, output, errors } = await migrateNew('Team notes!');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const [name = ''] = (await listMigrations()).filter((one) => !before.includes(one));
    expect(name).toMatch(/^\d{14}_team_notes$/);
    expect(output).toBe(`prisma/migrations/${name}/migration.sql\n`);
    const sql = await readFile(join(clone, 'prisma/migrations', name, 'migration.sql'), 'utf8');
    const [drops = '', rest = ''] = sql.split('-- AlterTable\n');
    expect(drops.match(/^DROP FUNCTION .*$/gm)?.sort()).toEqual([
      'DROP FUNCTION available_credits(uuid);',
      'DROP FUNCTION cover_overdraft(uuid,uuid);',
      'DROP FUNCTION expire_and_check_credits(uuid,timestamp with time zone);',
      'DROP FUNCTION raise_event(uuid,timestamp with time zone,text,uuid,jsonb);',
    ]);
    const [columns = '', functions = ''] = rest.split('SET check_function_bodies = off;\n\n');
    expect(columns).toMatch(/^ALTER TABLE "teams" ADD COLUMN +"note" TEXT;$/m);
    const texts = [made, result, renamed, body, added, setting, later];
    expect(functions).toBe(`${texts.join('\n\n')}\n\nRESET check_function_bodies;\n`);

    expect(await migrateNew('again')).toEqual({
      code: 0,
      output: 'The migrations agree with prisma/schema.prisma and prisma/functions: nothing was written.\n',
      errors: '',
    });
    expect(await listMigrations()).toEqual([...before, name]);
  }, 180_000);

  it('refuses a file that has not the name of its function, and writes nothing', async () => {
    const before = await listMigrations();
    await rename(fileOf('lock_organization'), fileOf('lock_all'));
    const { code, errors } = await migrateNew('refused');
    const message =
      'prisma/functions/lock_all.sql makes the function lock_organization: the file must have the name of its function.';
    expect({ code, errors }).toEqual({ code: 1, errors: `No migration was written: ${message}\n` });
    expect(await listMigrations()).toEqual(before);
  });

  it.each([
    [
      'a file of two functions',
      (text: string) => `${text}\n${text.replace('lock_organization', 'lock_other')}`,
      'prisma/functions/lock_organization.sql must hold one CREATE OR REPLACE FUNCTION and no other statement.',
    ],
    [
      'a file that does not replace',
      (text: string) => text.replace('CREATE OR REPLACE', 'CREATE'),
      'prisma/functions/lock_organization.sql must hold one CREATE OR REPLACE FUNCTION and no other statement.',
    ],
    [
      'a body that PostgreSQL refuses',
      (text: string) => text.replace('hashtextextended', 'hash_of_no_such_name'),
      'prisma/functions/lock_organization.sql is refused: function hash_of_no_such_name(text, integer) does not exist',
    ],
  ])('refuses %s', async (_, change, message) => {
    const { diffFunctions }: typeof import('../../scripts/function-diff.ts') = await import(
      join(clone, 'scripts/function-diff.ts')
    );
    const file = fileOf('lock_organization');
    await writeFile(file, change(await readFile(file, 'utf8')));
    await expect(diffFunctions('')).rejects.toThrow(message);
  });
});
