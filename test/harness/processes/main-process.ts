import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** `src/main.ts` in a process of its own, as `npm start` runs it, on a free port. */
export interface MainProcess {
  url: string;
  port: number;
  pid: number;
  /** What it wrote so far: its greeting, and the lines of its log. */
  output(): string;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
  /** Ends it as SIGTERM does: with what is in flight answered. Resolves with its exit code. */
  stop(): Promise<number | null>;
}

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const GREETING = /Meterr serves at (http:\/\/[^\s]+:(\d+))/;

/** Starts the server; resolves when it listens. @throws Error with what it wrote when it ends before */
export async function startMain(env: Record<string, string>): Promise<MainProcess> {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, PORT: '0', METERR_LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  let output = '';
  const greeted = new Promise<RegExpExecArray>((resolve) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const match = GREETING.exec(output);
      if (match) resolve(match);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  const failed = ended.then(([code, signal]) => {
    throw new Error(`The server ended (${code ?? signal}) before it listened:\n${output}`);
  });
  const [, url = '', port] = await Promise.race([greeted, failed]);
  failed.catch(() => {});
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return {
    url,
    port: Number(port),
    pid: child.pid ?? 0,
    output: () => output,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}
