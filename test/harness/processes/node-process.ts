import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A script of ours in a process of its own. */
export interface NodeProcess {
  pid: number;
  /** What it wrote so far, to both streams. */
  output(): string;
  /**
   * Resolves with its exit code, when it has ended and all it wrote was read; null: a signal ended
   * it.
   */
  ended: Promise<number | null>;
  /** Sends a signal, where it has not ended. */
  signal(name: NodeJS.Signals): void;
  /** Calls back whenever it has written. */
  onOutput(listener: () => void): void;
}

const ROOT = join(import.meta.dirname, '../../..');

/** The user and group of a process, which may be in no list of users. */
export interface ProcessUser {
  uid: number;
  gid: number;
}

/** Starts `node <script> <args>`; the script is a path from the root of the repository. */
export function startNode(
  script: string,
  env: Record<string, string>,
  args: readonly string[] = [],
  user?: ProcessUser,
): NodeProcess {
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    env: { PATH: process.env.PATH, METERR_PRICE_FEEDS: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...user,
  });
  let output = '';
  const listeners = new Set<() => void>();
  const read = (chunk: Buffer) => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  return {
    pid: child.pid ?? 0,
    output: () => output,
    ended: once(child, 'close').then(() => child.exitCode),
    signal(name) {
      if (child.exitCode === null && child.signalCode === null) child.kill(name);
    },
    onOutput: (listener) => listeners.add(listener),
  };
}
