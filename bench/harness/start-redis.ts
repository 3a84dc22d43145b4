import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from './within.ts';

export interface StartedRedis {
  /** For REDIS_URL: over TCP, as a Redis elsewhere is reached. */
  url: string;
  pid: number;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 10_000;
const PORT = 46_379;

export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

function isListening(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(PORT, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Debian's `redis-server`, which keeps nothing on disk. @throws Error where the port is taken */
export async function startRedis(folder: string): Promise<StartedRedis> {
  const dir = join(folder, 'redis');
  await mkdir(dir, { recursive: true });
  if (await isListening()) throw new Error(`Something listens on port ${PORT} already.`);
  const options = ['--port', String(PORT), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', options, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const stopWithUs = () => child.kill('SIGKILL');
  process.once('exit', stopWithUs);
  const listening = async () => {
    while (!(await isListening())) await sleep(20);
  };
  await within(listening(), START_LIMIT_MS, 'starting Redis');
  return {
    url: `redis://127.0.0.1:${PORT}`,
    pid: child.pid ?? 0,
    async stop() {
      process.off('exit', stopWithUs);
      child.kill('SIGKILL');
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
