import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');

export interface Ended {
  code: number | null;
  output: string;
}

/** A server in a separate process that has printed its greeting. */
export interface Started {
  /** The pid of the `node src/main.ts` that npm started. */
  serverPid: number;
  url: string;
  curl: string;
  output(): string;
  /** Resolves when the server, and npm with it, has ended. */
  ended: Promise<Ended>;
}

/** Returns the command lines of all processes that this user can read, by process id. */
export async function commandLines(): Promise<Map<number, string>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(
      async (pid) =>
        [Number(pid), (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')] as const,
    ),
  );
  return new Map(lines);
}

async function findDescendant(pid: number, named: string): Promise<number | null> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  for (const child of children.trim().split(' ').filter(Boolean).map(Number)) {
    const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(named) && !/\b(sh|npm)\b/.test(command.split('\0')[0] ?? '')) return child;
    const found = await findDescendant(child, named);
    if (found) return found;
  }
  return null;
}

function run(command: string, args: string[], env: Record<string, string>) {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, METERR_PRICE_FEEDS: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, 'close').then(([code]): Ended => ({ code, output }));
  const wrote = (pattern: RegExp) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (pattern.test(output)) resolve();
      };
      listeners.add(check);
      check();
    });
  return { pid: child.pid ?? 0, output: () => output, ended, wrote };
}

async function startBy(command: string, args: string[], env: Record<string, string>): Promise<Started> {
  const { pid, output, ended, wrote } = run(command, args, {
    PORT: '0',
    METERR_LOG_LEVEL: 'warn',
    METERR_DRAIN_SECONDS: '0',
    ...env,
  });
  const failed = ended.then((end) => Promise.reject(new Error(`The server ended with ${end.code}:\n${end.output}`)));
  failed.catch(() => {});
  await Promise.race([wrote(/^ +curl .*$/m), failed]);
  const [, url = ''] = /serves at (http:\S+)/.exec(output()) ?? [];
  const [, curl = ''] = /^ +(curl .*)$/m.exec(output()) ?? [];
  const serverPid = command === process.execPath ? pid : await findDescendant(pid, 'src/main.ts');
  if (!serverPid) throw new Error('npm start has no server process under it.');
  return { serverPid, url, curl, output, ended };
}

/**
 * Runs `npm start` and resolves when the server has printed its greeting.
 * @throws Error with its output when it ends before
 */
export function npmStart(env: Record<string, string>): Promise<Started> {
  return startBy('npm', ['start'], env);
}

/** Like {@link npmStart}, without npm. */
export function startMain(env: Record<string, string>): Promise<Started> {
  return startBy(process.execPath, ['src/main.ts'], env);
}

/** Runs a server that cannot start, until it ends. */
export async function startAndFail(env: Record<string, string>): Promise<Ended> {
  return run(process.execPath, ['src/main.ts'], env).ended;
}

export async function shell(line: string): Promise<Ended> {
  return run('/bin/sh', ['-c', line], {}).ended;
}
