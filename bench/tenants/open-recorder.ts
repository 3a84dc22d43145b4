import { once } from 'node:events';
import { CORES, startChild } from '../harness/child.ts';
import { within } from '../harness/within.ts';
import type { RecordJob, RecordResult } from './record-job.ts';

const LIMIT_MS = 180_000;

/** A load client for many tenants, in a process of its own. */
export interface Recorder {
  /** Runs one job at a time. @throws Error when the client fails, or takes over three minutes */
  record(job: RecordJob): Promise<RecordResult>;
  close(): Promise<void>;
}

/** Starts the client. */
export function openRecorder(): Recorder {
  const child = startChild({ script: 'bench/tenants/record-client.ts', ipc: true, core: CORES.client });
  const failed = child.waitFor(/^record client: .*/m).then(([line]) => Promise.reject(new Error(line)));
  failed.catch(() => {});
  return {
    async record(job) {
      const answered = once(child.process, 'message').then(([result]) => result as RecordResult);
      child.process.send(job);
      return within(Promise.race([answered, failed]), LIMIT_MS, 'recording');
    },
    close: () => child.stop(),
  };
}
