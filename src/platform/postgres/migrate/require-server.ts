import pg from 'pg';
import { AppError } from '../../errors.ts';

const OLDEST_SERVER = 150_000;
const ENCODING = 'UTF8';
const CONNECTION_TIMEOUT_MS = 10_000;

/**
 * What every start asks of the server before anything is written.
 * @throws AppError unavailable: PostgreSQL older than 15, a database that is not UTF-8
 */
export async function requireServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: number; encoding: string }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_encoding') AS encoding`,
  );
  const { number = 0, encoding = '' } = rows[0] ?? {};
  if (number < OLDEST_SERVER) {
    const message = `Meterr needs PostgreSQL 15 or newer; DATABASE_URL names a server of version ${Math.floor(number / 10_000)}.`;
    throw new AppError('unavailable', message);
  }
  if (encoding === ENCODING) return;
  const message = `The database ${client.database} on ${client.host} has the encoding ${encoding}; Meterr needs UTF8: make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.`;
  throw new AppError('unavailable', message);
}

const MARK = 'meterr.session';

/**
 * Refuses a pooler that gives each transaction another session (pgbouncer's `pool_mode =
 * transaction`): locks, prepared statements and LISTEN would be those of strangers. A mark that one
 * connection leaves in its session must not be seen by another that is open at the same time.
 * @param client idle, and not in a transaction
 * @throws AppError unavailable
 */
export async function requireOwnSessions(client: pg.Client, connectionString: string): Promise<void> {
  const other = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECTION_TIMEOUT_MS });
  other.on('error', () => {});
  await client.query('SELECT set_config($1, $2, false)', [MARK, 'first']);
  await other.connect();
  try {
    const { rows } = await other.query<{ mark: string | null }>('SELECT current_setting($1, true) AS mark', [MARK]);
    if (rows[0]?.mark !== 'first') return;
    const message =
      'DATABASE_URL leads to a pooler in transaction mode, and Meterr needs sessions of its own: set pool_mode = session for its database, or connect to PostgreSQL directly.';
    throw new AppError('unavailable', message);
  } finally {
    await other.end().catch(() => {});
  }
}
