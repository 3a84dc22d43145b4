import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Calls, createCalls, socketDoor } from '../calls.ts';

/** What a server process is told. */
export type ServeMessage = { now: number } | { stop: true };
/** What it says. */
export type ServeReport = { port: number } | { done: true };

/** A server in a process of its own, and calls to it over real sockets. */
export interface ServerProcess extends Calls {
  port: number;
  /** Sets the clock; resolves when the server goes by it. */
  setNow(timeMs: number): Promise<void>;
  /** Ends it as SIGTERM would: what is in flight is finished. */
  stop(): Promise<void>;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
}

export interface ServerProcessOptions {
  /** Of a migrated database. */
  connectionString: string;
  /** The default key of calls. */
  key: string;
  /** Where the clock stands; without it the server goes by the real one. */
  nowMs?: number;
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
export async function startServer({ connectionString, key, nowMs }: ServerProcessOptions): Promise<ServerProcess> {
  const child = fork(join(import.meta.dirname, 'serve-app.ts'), [connectionString, String(nowMs ?? '')], {
    execArgv: [],
  });
  const exited = once(child, 'exit');
  const first = await nextReport(child);
  if (!('port' in first)) throw new Error('A server says its port first.');
  const tell = async (message: ServeMessage) => {
    const answered = nextReport(child);
    child.send(message);
    await answered;
  };
  return {
    port: first.port,
    setNow: (now) => tell({ now }),
    async stop() {
      await tell({ stop: true });
      await exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    ...createCalls(socketDoor(first.port), key),
  };
}
