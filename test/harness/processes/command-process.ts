import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { ROOT } from './npm-start.ts';

/** A command in a process group of its own that starts a server, once it has greeted. */
export interface CommandProcess {
  /** Of the command itself: `npm`, `unshare` or `node`. */
  pid: number;
  child: ChildProcess;
  url: string;
  port: number;
  output(): string;
  /** To the process, and nobody else. */
  signal(name: NodeJS.Signals): void;
  /** To all of its group, as a terminal does. */
  signalGroup(name: NodeJS.Signals): void;
  /** Resolves with the exit code when it and what it wrote have ended; null: a signal ended it. */
  ended: Promise<number | null>;
}

/** @throws Error with what it wrote when it ends before the server has greeted */
export async function startCommand(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<CommandProcess> {
  const settings = { PORT: '0', METERR_LOG_LEVEL: 'warn', METERR_DRAIN_SECONDS: '0', ...env };
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const pid = child.pid ?? 0;
  let output = '';
  const ended = once(child, 'close').then(() => child.exitCode);
  const greeted = new Promise<RegExpExecArray>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const match = /serves at (http:\/\/[^\s]+:(\d+))[\s\S]*output_tokens/.exec(output);
        if (match) resolve(match);
      });
    }
  });
  const failed = ended.then((code) => Promise.reject(new Error(`${command} ended (${code}):\n${output}`)));
  failed.catch(() => {});
  const [, url = '', port] = await Promise.race([greeted, failed]);
  return {
    pid,
    child,
    url,
    port: Number(port),
    output: () => output,
    signal: (name) => void process.kill(pid, name),
    signalGroup: (name) => void process.kill(-pid, name),
    ended,
  };
}
