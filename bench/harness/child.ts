import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** The repository. */
export const ROOT = join(import.meta.dirname, '../..');
const STOP_TIMEOUT_MS = 30_000;

/** A process that the bench started. */
export interface Child {
  pid: number;
  process: ChildProcess;
  /** Waits for a line of its output. Rejects with what it wrote when it ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** SIGTERM, and SIGKILL if it will not. */
  stop(): Promise<void>;
}

const running = new Set<Child>();

export interface ChildOptions {
  /** Relative to `root`, which is this repository unless it is said. */
  script: string;
  root?: string;
  /** The Node that runs it; this one unless it is said. */
  node?: string;
  env?: Record<string, string>;
  nodeOptions?: readonly string[];
  ipc?: boolean;
  /** Where the process is to stay, where the machine can be told so. */
  core?: number;
}

/**
 * Servers have one core for themselves, load clients the next; PostgreSQL runs wherever there is
 * room.
 */
export const CORES = { server: 0, client: 1 } as const;

/** Two processes that chase each other over the cores measure the scheduler. */
export const CAN_PIN = availableParallelism() > CORES.client && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/**
 * Starts a script of this repository under this same Node, or of another checkout under its own.
 */
export function startChild(options: ChildOptions): Child {
  const { script, root = ROOT, node = process.execPath, env = {}, nodeOptions = [], ipc = false, core } = options;
  const command = [node, ...nodeOptions, join(root, script)];
  if (core !== undefined && CAN_PIN) command.unshift('taskset', '-c', String(core));
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  let output = '';
  const listeners = new Set<() => void>();
  const note = (data: Buffer) => {
    output += data.toString();
    for (const listener of listeners) listener();
  };
  child.stdout?.on('data', note);
  child.stderr?.on('data', note);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const self: Child = {
    pid: child.pid ?? 0,
    process: child,
    waitFor(pattern) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output);
          if (match) {
            listeners.delete(look);
            resolve(match);
          }
        };
        listeners.add(look);
        look();
        ended.then(() => reject(new Error(`${script} ended: ${output.trim() || `code ${child.exitCode}`}`)));
      });
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(force);
    },
  };
  running.add(self);
  ended.then(() => running.delete(self));
  return self;
}

/** Stops every process that is still there. */
export async function stopChildren(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}
