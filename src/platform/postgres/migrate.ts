import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import type { MigrationDirectory, MigrationList } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { AppError } from '../errors.ts';
import { cancelStatement } from './cancel-statement.ts';
import { readMigrations, withSchemaEngine } from './schema-engine.ts';

/** A row of Prisma's own table: one attempt to apply one migration. */
interface MigrationRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
  rolled_back_at: Date | null;
}

const OLDEST_SERVER = 150_000;
const CONNECTION_TIMEOUT_MS = 10_000;
/**
 * Ours, not Prisma's 72707369, which the engine takes itself, on another connection, while we hold
 * this one.
 */
const ADVISORY_LOCK = 6_384_377_001;

/**
 * Applies the migrations that the database lacks, in order, and returns their names. Safe to call
 * from any number of processes at once; when nothing is to be done it is one query. The record is
 * Prisma's own `_prisma_migrations`, so `prisma migrate deploy` may be used instead. A database
 * that knows newer migrations than we do is left as it is.
 *
 * Throws `unavailable`: no connection, PostgreSQL older than 15, a database from before the first
 * migration (it is left as it is), a migration that was edited after it was applied, or one that
 * failed.
 * @param dataDir the folder that messages name the database by; left out, they name its host and
 * itself
 * @param signal aborted: the migration under way is cancelled and rolled back, and will be applied
 * at the next start
 */
export async function migrateDatabase(
  connectionString: string,
  dataDir?: string,
  signal?: AbortSignal,
): Promise<{ applied: string[] }> {
  const migrations = await readMigrations();
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECTION_TIMEOUT_MS });
  // A server that goes away while the engine works on its own connection emits this outside any
  // query.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new AppError('unavailable', `No connection to the database: ${reason}`, { cause });
  }
  const cancel = () => cancelStatement(client);
  signal?.addEventListener('abort', cancel);
  try {
    signal?.throwIfAborted();
    await requireServerVersion(client);
    const found = await listRows(client);
    if (isCurrent(migrations, found)) return { applied: [] };
    requireNotOlder(migrations, found, client, dataDir);
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    const rows = await listRows(client);
    requireSoundHistory(migrations, rows);
    if (isCurrent(migrations, rows)) return { applied: [] };
    return { applied: await applyMigrations(connectionString, migrations, client, signal) };
  } finally {
    signal?.removeEventListener('abort', cancel);
    await client.end();
  }
}

async function requireServerVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('server_version_num')::int AS number");
  const number: number = rows[0].number;
  if (number >= OLDEST_SERVER) return;
  const message = `Meterr needs PostgreSQL 15 or newer; DATABASE_URL names a server of version ${Math.floor(number / 10_000)}.`;
  throw new AppError('unavailable', message);
}

/**
 * Throws where the database carries migrations that were replaced by our first one, before anything
 * was released.
 */
function requireNotOlder(
  { migrationDirectories }: MigrationList,
  rows: MigrationRow[],
  { host, database }: pg.Client,
  dataDir: string | undefined,
): void {
  const first = migrationDirectories[0]?.path ?? '';
  if (!rows.some((row) => row.migration_name < first)) return;
  const [subject, remedy] = dataDir
    ? [`in ${dataDir}`, 'move that folder away, or set METERR_DATA_DIR to another one']
    : [`${database} on ${host}`, 'set DATABASE_URL to an empty database'];
  const message = `The database ${subject} was made by an unreleased version of Meterr and cannot be upgraded: ${remedy}.`;
  throw new AppError('unavailable', message);
}

/**
 * True when every migration is applied as it stands. False may also mean that another process is
 * applying them.
 */
function isCurrent({ migrationDirectories }: MigrationList, rows: MigrationRow[]): boolean {
  if (rows.some(isUnfinished)) return false;
  const applied = checksumsByName(rows);
  return migrationDirectories.every((migration) => matches(migration, applied.get(migration.path)));
}

/**
 * Under the lock, when nobody is at work: throws for a migration that failed or was edited, as
 * Prisma does.
 */
function requireSoundHistory({ migrationDirectories }: MigrationList, rows: MigrationRow[]): void {
  const failed = rows.find(isUnfinished);
  if (failed) {
    const message = `The migration ${failed.migration_name} failed in this database earlier: see its row in _prisma_migrations, then use "prisma migrate resolve".`;
    throw new AppError('unavailable', message);
  }
  const applied = checksumsByName(rows);
  const edited = migrationDirectories.find((migration) => {
    const checksum = applied.get(migration.path);
    return checksum !== undefined && !matches(migration, checksum);
  });
  if (!edited) return;
  const message = `The migration ${edited.path} was edited after it was applied to this database: restore prisma/migrations/${edited.path} and add a new migration instead.`;
  throw new AppError('unavailable', message);
}

function isUnfinished(row: MigrationRow): boolean {
  return !row.finished_at && !row.rolled_back_at;
}

function checksumsByName(rows: MigrationRow[]): Map<string, string> {
  return new Map(rows.filter((row) => !row.rolled_back_at).map((row) => [row.migration_name, row.checksum]));
}

async function listRows(client: pg.Client): Promise<MigrationRow[]> {
  try {
    const { rows } = await client.query<MigrationRow>(
      'SELECT migration_name, checksum, finished_at, rolled_back_at FROM _prisma_migrations',
    );
    return rows;
  } catch (error) {
    const UNDEFINED_TABLE = '42P01';
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) return [];
    throw error;
  }
}

/** Like Prisma, takes a checkout with the other line ends for the same file. */
function matches({ migrationFile: { content } }: MigrationDirectory, checksum: string | undefined): boolean {
  if (content.tag !== 'ok' || checksum === undefined) return false;
  const unix = content.value.replaceAll('\r\n', '\n');
  const forms = [content.value, unix, unix.replaceAll('\n', '\r\n')];
  return forms.some((text) => createHash('sha256').update(text).digest('hex') === checksum);
}

/**
 * The adapter cuts a script at every semicolon, also inside a function's body; the server's simple
 * protocol takes it whole, and makes one transaction of it. The engine loses what the server says
 * to a failed one: `onFailure` hears it.
 */
function takingWholeScripts(pool: pg.Pool, onFailure: (error: Error) => void): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPg(pool, { disposeExternalPool: false });
  const connect = async (connecting: Promise<SqlDriverAdapter>) => {
    const adapter = await connecting;
    adapter.executeScript = async (script) => {
      await pool.query(script).catch((error) => {
        onFailure(error);
        throw error;
      });
    };
    return adapter;
  };
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: () => connect(factory.connect()),
    connectToShadowDb: () => connect(factory.connectToShadowDb()),
  };
}

/** @param client the one that holds the lock */
async function applyMigrations(
  connectionString: string,
  migrationsList: MigrationList,
  client: pg.Client,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const filters = { externalTables: [], externalEnums: [] };
  const pool = new pg.Pool({ connectionString, max: 2 });
  const connected = new Set<pg.PoolClient>();
  pool.on('connect', (connection) => connected.add(connection));
  const cancel = () => connected.forEach(cancelStatement);
  signal?.addEventListener('abort', cancel);
  let failure: Error | undefined;
  const factory = takingWholeScripts(pool, (error) => {
    failure = error;
  });
  try {
    return await withSchemaEngine(factory, async (engine) => {
      const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters });
      return appliedMigrationNames;
    });
  } catch (cause) {
    if (signal?.aborted) {
      // Its script is one transaction, which was rolled back. Without this update the next start
      // would refuse to begin.
      await client.query('UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL');
      throw signal.reason;
    }
    // The engine's message ends in a trace of its own functions, which names the migration.
    const [reason = '', trace = ''] = (cause instanceof Error ? cause.message : String(cause)).split(/\n\s+0: /);
    const name = /migration_name="([^"]+)"/.exec(trace)?.[1];
    const subject = name ? `The migration ${name} failed` : 'The database could not be migrated';
    const message = `${subject}: ${(failure?.message ?? reason).replace(/\s+/g, ' ').trim()}`;
    throw new AppError('unavailable', message, { cause });
  } finally {
    signal?.removeEventListener('abort', cancel);
    await pool.end();
  }
}
