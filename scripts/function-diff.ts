import { PGlite } from '@electric-sql/pglite';
import { readMigrations } from '../src/platform/postgres/migrate/schema-engine.ts';
import { type FunctionFile, readFunctionFiles } from './function-files.ts';

/** What leads one function from the migrations to its file. */
export interface FunctionChange {
  name: string;
  /**
   * `DROP FUNCTION` statements: for a file that is gone, and for what CREATE OR REPLACE cannot
   * change.
   */
  drops: string[];
  /** The file's own text; null where there is nothing to create. */
  create: string | null;
}

interface StoredFunction {
  name: string;
  /** `name(types)`, which tells overloads apart. */
  signature: string;
  definition: string;
}

interface WantedFunction extends StoredFunction {
  file: FunctionFile;
}

const LIST = `
  SELECT p.proname AS name, p.oid::regprocedure::text AS signature, pg_get_functiondef(p.oid) AS definition
    FROM pg_proc p
   WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
     AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
   ORDER BY 2`;
const CREATE = /^create\s+or\s+replace\s+function\s+(?:public\.)?(\w+)\s*\(/im;
/**
 * SQLSTATE of CREATE OR REPLACE where the result, a parameter's name or a default cannot be
 * changed.
 */
const INVALID_FUNCTION_DEFINITION = '42P13';
/** Functions may call one another in any order. */
const WITHOUT_BODIES = 'SET LOCAL check_function_bodies = off';
const WITH_BODIES = 'SET LOCAL check_function_bodies = on';

async function listFunctions(database: PGlite): Promise<StoredFunction[]> {
  return (await database.query<StoredFunction>(LIST)).rows;
}

/**
 * Runs `work` in a transaction that is rolled back: the database stays as the migrations made it.
 */
async function trial<T>(database: PGlite, work: () => Promise<T>): Promise<T> {
  await database.exec('BEGIN');
  return work().finally(() => database.exec('ROLLBACK'));
}

/** @returns how many statements the file holds */
async function run(database: PGlite, { path, text }: FunctionFile): Promise<number> {
  try {
    return (await database.exec(text)).length;
  } catch (error) {
    throw new Error(`${path} is refused: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function refuse({ path }: FunctionFile): never {
  throw new Error(`${path} must hold one CREATE OR REPLACE FUNCTION and no other statement.`);
}

/** What can be seen without a database, which takes seconds to start. */
function requireNamed(files: readonly FunctionFile[]): void {
  for (const file of files) {
    const made = CREATE.exec(file.text)?.[1]?.toLowerCase();
    if (made === undefined) refuse(file);
    if (made !== file.name) {
      throw new Error(`${file.path} makes the function ${made}: the file must have the name of its function.`);
    }
  }
}

/** What the files make where no function was before. Throws for a file of more than one. */
async function makeWanted(database: PGlite, tables: string, files: readonly FunctionFile[]): Promise<WantedFunction[]> {
  for (const { signature } of await listFunctions(database)) await database.exec(`DROP FUNCTION ${signature} CASCADE`);
  await database.exec(tables);
  await database.exec(WITHOUT_BODIES);
  const wanted: WantedFunction[] = [];
  for (const file of files) {
    const statements = await run(database, file);
    const functions = await listFunctions(database);
    const made = functions.find(({ signature }) => !wanted.some((one) => one.signature === signature));
    if (statements !== 1 || made?.name !== file.name) refuse(file);
    wanted.push({ ...made, file });
  }
  return wanted;
}

async function canReplace(database: PGlite, { text }: FunctionFile): Promise<boolean> {
  await database.exec('SAVEPOINT replacing');
  try {
    await database.exec(text);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === INVALID_FUNCTION_DEFINITION) return false;
    throw error;
  } finally {
    await database.exec('ROLLBACK TO replacing');
  }
}

async function findChanges(database: PGlite, tables: string, wanted: readonly WantedFunction[]) {
  const found = await listFunctions(database);
  const drop = ({ signature }: StoredFunction) => `DROP FUNCTION ${signature};`;
  const gone = found.filter(({ signature }) => !wanted.some((one) => one.signature === signature));
  for (const one of gone) await database.exec(drop(one));
  await database.exec(tables);
  await database.exec(WITHOUT_BODIES);
  const changes: FunctionChange[] = gone
    .filter(({ name }) => !wanted.some((one) => one.name === name))
    .map((one) => ({ name: one.name, drops: [drop(one)], create: null }));
  for (const { name, signature, definition, file } of wanted) {
    const drops = gone.filter((one) => one.name === name).map(drop);
    const present = found.find((one) => one.signature === signature);
    const isSame = present?.definition === definition;
    if (isSame && drops.length === 0) continue;
    if (present && !isSame && !(await canReplace(database, file))) drops.push(drop(present));
    changes.push({ name, drops, create: isSame ? null : file.text });
  }
  return changes;
}

/**
 * Applies the changes as the migration would. Throws where that fails, and where a function's body
 * is wrong.
 */
async function requireSound(
  database: PGlite,
  tables: string,
  wanted: readonly WantedFunction[],
  changes: readonly FunctionChange[],
): Promise<void> {
  for (const { drops } of changes) for (const drop of drops) await database.exec(drop);
  await database.exec(tables);
  await database.exec(WITHOUT_BODIES);
  for (const { create } of changes) if (create !== null) await database.exec(create);
  const reached = await listFunctions(database);
  const isReached = wanted.every(({ definition }) => reached.some((one) => one.definition === definition));
  if (!isReached || reached.length !== wanted.length) {
    throw new Error('These changes would not lead to the functions of prisma/functions.');
  }
  await database.exec(WITH_BODIES);
  for (const { file } of wanted) await run(database, file);
}

/**
 * What leads from the functions of the migrations to those of prisma/functions; empty when they
 * agree. They are compared by `pg_get_functiondef` on PGlite, and the changes are tried there.
 * @param tables SQL that the migration runs after the drops, before it creates functions; may be
 * empty
 * @throws Error naming the file that is not one function of its name, or that PostgreSQL refuses
 */
export async function diffFunctions(tables: string): Promise<FunctionChange[]> {
  const files = await readFunctionFiles();
  requireNamed(files);
  const database = new PGlite();
  try {
    for (const { migrationFile } of (await readMigrations()).migrationDirectories) {
      if (migrationFile.content.tag === 'ok') await database.exec(migrationFile.content.value);
    }
    const wanted = await trial(database, () => makeWanted(database, tables, files));
    const changes = await trial(database, () => findChanges(database, tables, wanted));
    await trial(database, () => requireSound(database, tables, wanted, changes));
    return changes;
  } finally {
    await database.close();
  }
}
