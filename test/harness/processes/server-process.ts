import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Calls, createCalls, socketDoor } from '../calls.ts';

export type ServeMessage = { now: number } | { stop: true };
export type ServeReport = { port: number } | { done: true };

/** A server in a separate process, and calls to it over real sockets. */
export interface ServerProcess extends Calls {
  port: number;
  /** Sets the clock; resolves when the server uses it. */
  setNow(timeMs: number): Promise<void>;
  /** Stops the server as SIGTERM does, after the requests in flight. */
  stop(): Promise<void>;
  /** Ends the process as `kill -9` does. */
  kill(): Promise<void>;
}

export interface ServerProcessOptions {
  /** A migrated database. */
  connectionString: string;
  key: string;
  /** The initial time of the clock in epoch milliseconds; without it the clock is real. */
  nowMs?: number;
  /** Environment variables beside those of the test. */
  env?: Record<string, string>;
}

async function nextReport(child: ChildProcess): Promise<ServeReport> {
  const gone = new AbortController();
  const ended = once(child, 'exit', { signal: gone.signal }).then(([code, signal]) => {
    throw new Error(`The server ended with ${code ?? signal}.`);
  });
  try {
    const [report] = await Promise.race([once(child, 'message', { signal: gone.signal }), ended]);
    return report;
  } finally {
    ended.catch(() => {});
    gone.abort();
  }
}

/** Starts a server process and waits until it listens. */
export async function startServer({ connectionString, key, nowMs, env }: ServerProcessOptions): Promise<ServerProcess> {
  const child = fork(join(import.meta.dirname, 'serve-app.ts'), [connectionString, String(nowMs ?? '')], {
    execArgv: [],
    env: { ...process.env, ...env },
  });
  const exited = once(child, 'exit');
  const first = await nextReport(child);
  if (!('port' in first)) throw new Error('A server must report its port first.');
  const sendAndWait = async (message: ServeMessage) => {
    const answered = nextReport(child);
    child.send(message);
    await answered;
  };
  return {
    port: first.port,
    setNow: (now) => sendAndWait({ now }),
    async stop() {
      await sendAndWait({ stop: true });
      await exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    ...createCalls(socketDoor(first.port), key),
  };
}
