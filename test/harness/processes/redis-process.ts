import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../wait-until.ts';

/** A Redis of the test's own, on a Unix socket. */
export interface RedisProcess {
  /** For REDIS_URL. */
  url: string;
  /** Ends it as `kill -9` does, and all its keys with it. */
  kill(): Promise<void>;
  /** Starts it again, empty. */
  start(): Promise<void>;
  /** It takes connections and commands, and answers none. */
  freeze(): void;
  thaw(): void;
  /** Kills it, and removes its folder. */
  remove(): Promise<void>;
}

/** Null where `redis-server` can be run; else why the tests of it are skipped. */
export function whyNoRedis(): string | null {
  const { status } = spawnSync('redis-server', ['--version']);
  return status === 0 ? null : 'redis-server is not installed (Debian: apt-get install redis-server)';
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(socket, () => client.end('PING\r\n'));
    client.once('data', () => resolve(true));
    client.once('error', () => resolve(false));
  });
}

export async function startRedis(): Promise<RedisProcess> {
  // The path of a socket may have 107 characters, which a folder in a clone may exceed.
  const folder = await mkdtemp(join(tmpdir(), 'meterr-redis-'));
  const socket = join(folder, 's');
  let child: ChildProcess;

  async function start(): Promise<void> {
    const options = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--appendonly', 'no'];
    child = spawn('redis-server', options, { stdio: 'ignore' });
    await waitUntil('Redis answers', () => answers(socket));
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    url: socket,
    start,
    kill,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async remove() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
