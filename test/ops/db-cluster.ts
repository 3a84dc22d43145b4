import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

// Debian's PostgreSQL 15 and pgbouncer, run by their own user: what an operator brings himself.

const BINARIES = '/usr/lib/postgresql/15/bin';
const execute = promisify(execFile);

/** Why these tests cannot run here; null where they can. */
export function whyNoCluster(...more: readonly string[]): string | null {
  if (process.getuid?.() !== 0) return 'only root can run PostgreSQL as another user';
  const missing = [join(BINARIES, 'initdb'), ...more].filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `${missing.join(', ')} is not installed`;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

function asPostgres(command: string, args: readonly string[]) {
  return execute('runuser', ['-u', 'postgres', '--', command, ...args], { cwd: '/' });
}

export interface Cluster {
  port: number;
  folder: string;
  /** The URL of a database of it, on its own port or another. */
  url(database?: string, port?: number): string;
  query(text: string, database?: string): Promise<Record<string, unknown>[]>;
  start(): Promise<void>;
  /** @param mode `fast`, or `immediate`, which is a crash */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  promote(): Promise<void>;
  remove(): Promise<void>;
}

/** A cluster that does not run yet; a standby of `primary` where that is given. */
export async function makeCluster(primary?: Cluster): Promise<Cluster> {
  const parent = mkdtempSync(join(tmpdir(), 'meterr-cluster-'));
  chmodSync(parent, 0o755);
  const folder = join(parent, 'data');
  execFileSync('install', ['-d', '-o', 'postgres', '-m', '0700', folder]);
  const port = await freePort();
  if (primary) {
    await asPostgres(join(BINARIES, 'pg_basebackup'), [
      '-R',
      '-c',
      'fast',
      '-D',
      folder,
      '-d',
      primary.url('postgres'),
    ]);
  } else {
    await asPostgres(join(BINARIES, 'initdb'), ['-D', folder, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N']);
  }
  appendFileSync(
    join(folder, 'postgresql.conf'),
    `port = ${port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nwal_level = replica\n`,
  );
  const control = (...args: string[]) =>
    asPostgres(join(BINARIES, 'pg_ctl'), ['-D', folder, '-w', '-l', join(folder, 'log'), ...args]);
  const url = (database = 'meterr', on = port) => `postgresql://postgres@127.0.0.1:${on}/${database}`;
  return {
    port,
    folder,
    url,
    async query(text, database = 'postgres') {
      const client = new pg.Client({ connectionString: url(database) });
      await client.connect();
      try {
        return (await client.query(text)).rows;
      } finally {
        await client.end();
      }
    },
    start: async () => void (await control('start')),
    stop: async (mode = 'fast') => void (await control('stop', '-m', mode)),
    promote: async () => void (await control('promote')),
    async remove() {
      await control('stop', '-m', 'immediate').catch(() => {});
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

export interface Pooler {
  port: number;
  stop(): Promise<void>;
}

/** pgbouncer with its default settings, but for where it listens and what it leads to. */
export async function startPgbouncer(
  cluster: Cluster,
  poolMode: 'session' | 'transaction',
  port: number,
): Promise<Pooler> {
  const folder = mkdtempSync(join(tmpdir(), 'meterr-pgbouncer-'));
  chmodSync(folder, 0o755);
  const file = join(folder, 'pgbouncer.ini');
  const users = join(folder, 'users.txt');
  appendFileSync(users, '"postgres" ""\n');
  const settings = [`listen_addr = 127.0.0.1`, `listen_port = ${port}`, 'auth_type = trust', `auth_file = ${users}`];
  const text = [
    '[databases]',
    `* = host=127.0.0.1 port=${cluster.port}`,
    '[pgbouncer]',
    ...settings,
    'unix_socket_dir =',
    `pool_mode = ${poolMode}`,
    // Meterr keeps a session for each of its connections.
    'default_pool_size = 40',
  ];
  appendFileSync(file, `${text.join('\n')}\n`);
  const child = spawn('runuser', ['-u', 'postgres', '--', '/usr/sbin/pgbouncer', file], { cwd: '/', stdio: 'ignore' });
  const ended = once(child, 'exit');
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: cluster.url('postgres', port), connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    const failure = await client.connect().then(
      () => null,
      (error: unknown) => error,
    );
    await client.end().catch(() => {});
    if (failure === null) break;
    if (tries > 100 || child.exitCode !== null) throw failure;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    port,
    async stop() {
      // runuser passes signals on.
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
