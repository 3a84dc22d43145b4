import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type Bench, databaseOf, type StartedMeterr } from '../harness/bench.ts';
import { openClient } from '../harness/copy-in.ts';
import { startMeterr } from '../harness/start-meterr.ts';
import { within } from '../harness/within.ts';

export const DATABASE = 'tenants';
const START_LIMIT_MS = 120_000;
const STATEMENT_LIMIT_MS = 600_000;
/**
 * What a statement that is cancelled needs to end, at most, before its connection is terminated.
 */
const CANCEL_LIMIT_MS = 10_000;
const POLL_MS = 200;

/** The row's own database, without autovacuum, and the bench's own connection to it. */
export interface TenantsDatabase {
  connectionString: string;
  folder: string;
  postgresLog: string;
  /** None of its statements takes longer than ten minutes. */
  sql: pg.Client;
  /** Another connection of the bench's own, closed with the database. */
  connect(): Promise<pg.Client>;
  /** Our server over it, ready to serve. */
  start(env?: Record<string, string>): Promise<StartedMeterr>;
  /**
   * Stops a server, which may hang in a statement: then that is terminated, and the server killed
   * if need be.
   */
  stop(server: StartedMeterr): Promise<void>;
  /**
   * Cancels what other connections run, again and again until nothing runs; terminates what does
   * not end.
   */
  cancelAll(): Promise<void>;
  /** How many statements run on connections that are not the bench's own. */
  countRunning(): Promise<number>;
  /** Waits until other connections that were closed are gone, with what they read counted. */
  settle(): Promise<void>;
  /** Ends all other connections. */
  terminateAll(): Promise<void>;
  close(): Promise<void>;
}

const NAME = 'tenants bench';
const OTHERS = `
  FROM pg_stat_activity
 WHERE datname = '${DATABASE}' AND backend_type = 'client backend' AND application_name <> '${NAME}'`;

/**
 * Makes it, migrated by a first start of the server. Autovacuum is off in the whole cluster until
 * it is closed.
 */
export async function openTenantsDatabase(bench: Bench): Promise<TenantsDatabase> {
  const { postgres } = bench;
  const connectionString = databaseOf(postgres.connectionString, DATABASE);
  const folder = join(postgres.folder, DATABASE);
  const admin = await openClient(postgres.connectionString);
  await admin.query('ALTER SYSTEM SET autovacuum = off');
  await admin.query('SELECT pg_reload_conf()');
  await admin.query(`CREATE DATABASE ${DATABASE}`);
  const start = (env?: Record<string, string>) =>
    within(startMeterr({ dataDir: folder, databaseUrl: connectionString, env }), START_LIMIT_MS, 'starting the server');
  await (await start()).process.stop();
  const clients: pg.Client[] = [];
  const connect = async () => {
    const client = await openClient(connectionString);
    clients.push(client);
    await client.query(`SET application_name = '${NAME}'; SET statement_timeout = ${STATEMENT_LIMIT_MS}`);
    return client;
  };
  const sql = await connect();

  async function count(condition: string): Promise<number> {
    const { rows } = await sql.query<{ n: number }>(`SELECT count(*)::int AS n ${OTHERS} AND ${condition}`);
    return rows[0]?.n ?? 0;
  }
  const countRunning = () => count(`state = 'active'`);

  async function terminateAll(): Promise<void> {
    await sql.query(`SELECT pg_terminate_backend(pid, ${CANCEL_LIMIT_MS}) ${OTHERS}`);
  }

  return {
    connectionString,
    folder,
    postgresLog: join(postgres.folder, 'postgres.log'),
    sql,
    connect,
    start,
    countRunning,
    terminateAll,
    async settle() {
      const endMs = performance.now() + CANCEL_LIMIT_MS;
      while ((await count('true')) > 0 && performance.now() < endMs) await sleep(POLL_MS);
    },
    async stop(server) {
      // A server that ends by itself within a second or two is left alone.
      const stopped = server.process.stop();
      await within(stopped, CANCEL_LIMIT_MS, 'stopping').catch(terminateAll);
      await stopped;
    },
    async cancelAll() {
      const endMs = performance.now() + CANCEL_LIMIT_MS;
      while (performance.now() < endMs) {
        await sql.query(`SELECT pg_cancel_backend(pid) ${OTHERS} AND state = 'active'`);
        await sleep(POLL_MS);
        if ((await countRunning()) === 0) return;
      }
      await terminateAll();
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()));
      await admin.query('ALTER SYSTEM RESET autovacuum');
      await admin.query('SELECT pg_reload_conf()');
      await admin.query(`DROP DATABASE ${DATABASE} WITH (FORCE)`);
      await admin.end();
    },
  };
}
