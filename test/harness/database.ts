import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { readCatalog, readShippedVersion, SHIPPED_AT_MS } from '../../src/domain/pricing/catalog/read-catalog.ts';
import { importCatalog } from '../../src/domain/pricing/import/import-catalog.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { migrateDatabase } from '../../src/platform/postgres/migrate/migrate.ts';
import { readMigrations } from '../../src/platform/postgres/migrate/schema-engine.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The connection string of the maintenance database of the run's PostgreSQL. */
    postgresUrl: string;
  }
}

export interface TestDatabase {
  connectionString: string;
  /**
   * Drops the database.
   * @throws Error when a connection is still open, because a pool was not closed
   */
  drop(): Promise<void>;
}

const TEMPLATE_LOCK = 6_384_377_002;
const OBJECT_IN_USE = '55006';

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return work(client).finally(() => client.end());
}

function urlOf(postgresUrl: string, database: string): string {
  const url = new URL(postgresUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/**
 * Creates the database that tests clone, migrated and with the prices that Meterr ships, once for each
 * state of both, and returns its name. Several processes may call this at once: the database gets its final name only
 * when it is complete.
 */
export async function createTemplate(postgresUrl: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify((await readMigrations()).migrationDirectories));
  hash.update(await readShippedVersion());
  const template = `template_${hash.digest('hex').slice(0, 16)}`;
  await withClient(postgresUrl, async (client) => {
    const isMade = async () =>
      (await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template])).rowCount === 1;
    if (await isMade()) return;
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    if (await isMade()) return;
    await client.query(`DROP DATABASE IF EXISTS ${template}_partial WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${template}_partial`);
    await migrateDatabase(urlOf(postgresUrl, `${template}_partial`));
    await importPrices(urlOf(postgresUrl, `${template}_partial`));
    await client.query(`ALTER DATABASE ${template}_partial ALLOW_CONNECTIONS false`);
    await client.query(`ALTER DATABASE ${template}_partial RENAME TO ${template}`);
  });
  return template;
}

/** They are many, and each server of a test would import them anew. */
async function importPrices(connectionString: string): Promise<void> {
  const database = openDatabase({ connectionString, connections: 2, onError: () => {} });
  const asOfMs = SHIPPED_AT_MS;
  await importCatalog(database, { catalog: await readCatalog(), asOfMs, nowMs: asOfMs });
  await database.close();
}

/** Creates a migrated database, empty but for the prices that Meterr ships, for the calling test file or test. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const postgresUrl = inject('postgresUrl');
  const template = await createTemplate(postgresUrl);
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withClient(postgresUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  return { connectionString: urlOf(postgresUrl, name), drop: () => dropDatabase(postgresUrl, name) };
}

async function dropDatabase(postgresUrl: string, name: string): Promise<void> {
  await withClient(postgresUrl, async (client) => {
    try {
      // The server waits up to 5 s for connections that are closing.
      await client.query(`DROP DATABASE ${name}`);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError && error.code === OBJECT_IN_USE)) throw error;
      const { rows } = await client.query('SELECT query FROM pg_stat_activity WHERE datname = $1', [name]);
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      const queries = rows.map((row) => row.query).join('\n');
      throw new Error(`A test left ${rows.length} connections open; their last statements:\n${queries}`);
    }
  });
}
