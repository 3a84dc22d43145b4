import { once } from 'node:events';
import { CORES, startChild } from './child.ts';
import type { LoadJob, LoadResult } from './load-job.ts';

/**
 * Runs a load client in a process of its own. @throws Error with the first answer that was not 2xx
 */
export async function runLoad(job: LoadJob): Promise<LoadResult> {
  const child = startChild({ script: 'bench/harness/load-client.ts', ipc: true, core: CORES.client });
  child.process.send(job);
  const [result] = (await Promise.race([
    once(child.process, 'message'),
    child.waitFor(/^load client: .*/m).then(([line]) => Promise.reject(new Error(line))),
  ])) as [LoadResult];
  if (result.failures > 0) throw new Error(`${result.failures} requests failed, the first: ${result.firstFailure}`);
  return result;
}
