import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

/** The server that is attacked. */
export interface Target {
  url: string;
  port: number;
  key: string;
  pid: number;
}

/** What somebody else saw during an attack, and what the server took. */
export interface Seen {
  answers: number;
  failures: string[];
  slowestMs: number;
  rssBytes: number;
  peakBytes: number;
}

export interface Bystander {
  /** Forgets what was seen so far. */
  start(): void;
  /** What was seen since `start`. */
  take(): Promise<Seen>;
  stop(): Promise<void>;
}

/** Starts somebody who uses the server all the time. */
export async function startBystander(target: Target): Promise<Bystander> {
  const worker = new Worker(join(import.meta.dirname, 'bystander.ts'), { workerData: target });
  await once(worker, 'online');
  return {
    start: () => worker.postMessage('start'),
    async take() {
      worker.postMessage('take');
      const [seen] = await once(worker, 'message');
      return seen;
    },
    stop: async () => void (await worker.terminate()),
  };
}
