import { startEmbeddedPostgres } from '../embedded-postgres/embedded-postgres.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { readDatabaseUrl } from './database-url.ts';
import { migrateDatabase } from './migrate/migrate.ts';

/** A start that was given up has written little: PostgreSQL ends soon, or is ended. */
const ABORTED_STOP_MS = 2_000;

/** A migrated database, and the server behind it where it is our own. */
export interface DatabaseServer {
  connectionString: string;
  /**
   * @param timeoutMs what the server gets to end by itself; then it is ended without a checkpoint,
   * which loses nothing
   */
  stop(timeoutMs?: number): Promise<void>;
  revive?: () => Promise<void>;
}

/**
 * The database at `url`, or the embedded one in `dataDir`, with all migrations applied.
 * @param signal aborted: the start is given up, and what it started is stopped
 * @param waitMs how long the database at `url` is waited for while it boots
 * @throws AppError unavailable when it cannot be had; the signal's reason when it was aborted
 */
export async function openDatabaseServer(
  url: string | null,
  dataDir: string,
  log: Log,
  signal?: AbortSignal,
  waitMs = 0,
): Promise<DatabaseServer> {
  if (url !== null) {
    const connectionString = readDatabaseUrl(url);
    const { applied } = await migrateDatabase(connectionString, undefined, {
      waitMs,
      log,
      signal,
      advice: 'Check DATABASE_URL.',
    });
    if (applied.length > 0) log.info({ applied }, 'migrations applied');
    return { connectionString, stop: async () => {} };
  }
  const options = { dataDir, log: (line: string) => log.debug(line), warn: (line: string) => log.warn(line) };
  let server = await startEmbeddedPostgres({ ...options, signal });
  const { applied } = await migrateDatabase(server.connectionString, dataDir, { waitMs: 0, signal }).catch(
    async (error) => {
      await server.stop(signal?.aborted ? ABORTED_STOP_MS : undefined);
      throw error;
    },
  );
  if (applied.length > 0) log.info({ applied }, 'migrations applied');
  let reviving: Promise<void> | null = null;
  const stopping = new AbortController();
  return {
    connectionString: server.connectionString,
    async stop(timeoutMs) {
      stopping.abort(new AppError('unavailable', 'The server is stopping.'));
      await reviving?.catch(() => {});
      await server.stop(timeoutMs);
    },
    /** The same folder and socket again, so connections made from now on find it. */
    revive: () => {
      reviving ??= startEmbeddedPostgres({ ...options, signal: stopping.signal })
        .then(async (revived) => {
          const lost = server;
          server = revived;
          // Gives its share of the server back: the last share is what stops it.
          await lost.stop();
        })
        .finally(() => {
          reviving = null;
        });
      return reviving;
    },
  };
}
