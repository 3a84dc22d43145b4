import { startEmbeddedPostgres } from '../embedded-postgres/embedded-postgres.ts';
import type { Log } from '../log.ts';
import { migrateDatabase } from './migrate.ts';

/** A migrated database, and the server behind it where it is our own. */
export interface DatabaseServer {
  connectionString: string;
  stop(): Promise<void>;
  revive?: () => Promise<void>;
}

/**
 * The database at `url`, or the embedded one in `dataDir`, with all migrations applied.
 * @throws AppError unavailable when it cannot be had
 */
export async function openDatabaseServer(url: string | null, dataDir: string, log: Log): Promise<DatabaseServer> {
  if (url !== null) {
    await migrateDatabase(url);
    return { connectionString: url, stop: async () => {} };
  }
  const options = { dataDir, log: (line: string) => log.debug(line) };
  let server = await startEmbeddedPostgres(options);
  const { applied } = await migrateDatabase(server.connectionString, dataDir).catch(async (error) => {
    await server.stop();
    throw error;
  });
  if (applied.length > 0) log.info({ applied }, 'migrations applied');
  let reviving: Promise<void> | null = null;
  return {
    connectionString: server.connectionString,
    stop: () => server.stop(),
    /** The same folder and socket again, so connections made from now on find it. */
    revive: () => {
      reviving ??= startEmbeddedPostgres(options)
        .then((revived) => {
          server = revived;
        })
        .finally(() => {
          reviving = null;
        });
      return reviving;
    },
  };
}
