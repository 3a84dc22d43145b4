import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { DEFAULT_NOW } from '../app.ts';
import { createTestDatabase, type TestDatabase } from '../database.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** Two server processes on one database, with the same clock. */
export interface TwoServers {
  sql: pg.Pool;
  connectionString: string;
  /** Returns one of the two servers: the first for an even `n`, the second for an odd one. */
  server(n: number): ServerProcess;
  setNow(time: string | number): Promise<void>;
}

/** Starts two servers for the calling file before its tests and stops them after them. */
export function useTwoServers(now: string = DEFAULT_NOW): () => TwoServers {
  let database: TestDatabase;
  let sql: pg.Pool;
  const servers: ServerProcess[] = [];
  beforeAll(async () => {
    database = await createTestDatabase();
    const { connectionString } = database;
    sql = new pg.Pool({ connectionString, max: 3 });
    const options = { connectionString, key: '', nowMs: Date.parse(now) };
    // One after the other: each creates the first organization when there is none.
    servers.push(await startServer(options));
    servers.push(await startServer(options));
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
    await sql?.end();
    await database?.drop();
  });
  return () => ({
    sql,
    connectionString: database.connectionString,
    server: (n) => servers[n % servers.length] as ServerProcess,
    async setNow(time) {
      const timeMs = new Date(time).getTime();
      for (const server of servers) await server.setNow(timeMs);
    },
  });
}
