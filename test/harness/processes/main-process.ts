import { type ProcessUser, startNode } from './node-process.ts';

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

const GREETING = /Meterr serves at (http:\/\/[^\s]+:(\d+))/;

/**
 * Starts the server; resolves when it listens. @throws Error with what it wrote when it ends before
 */
export async function startMain(env: Record<string, string>, user?: ProcessUser): Promise<MainProcess> {
  const settings = { PORT: '0', METERR_LOG_LEVEL: 'warn', METERR_DRAIN_SECONDS: '0', ...env };
  const main = startNode('src/main.ts', settings, [], user);
  const greeted = new Promise<RegExpExecArray>((resolve) => {
    main.onOutput(() => {
      const match = GREETING.exec(main.output());
      if (match) resolve(match);
    });
  });
  const failed = main.ended.then((code) => {
    throw new Error(`The server ended (${code}) before it listened:\n${main.output()}`);
  });
  const [, url = '', port] = await Promise.race([greeted, failed]);
  failed.catch(() => {});
  const end = (signal: NodeJS.Signals) => {
    main.signal(signal);
    return main.ended;
  };
  return {
    url,
    port: Number(port),
    pid: main.pid,
    output: main.output,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}
