import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, startChild } from './child.ts';

/** Embedded ClickHouse (npm chdb). */
export interface ClickHouse {
  version: string;
  /** Runs one statement; the answer is tab-separated text. @throws Error when it fails */
  ask(sql: string): Promise<{ answer: string; ms: number }>;
  close(): Promise<void>;
}

/** Null where npm had no build of it for this machine. */
export async function startClickHouse(folder: string): Promise<ClickHouse | null> {
  if (!existsSync(join(ROOT, 'bench/node_modules/chdb'))) return null;
  await mkdir(folder, { recursive: true });
  const child = startChild({ script: 'bench/baseline/clickhouse.ts', env: { CLICKHOUSE_FOLDER: folder }, ipc: true });
  const ended = once(child.process, 'close').then(() => Promise.reject(new Error('ClickHouse ended')));
  ended.catch(() => {});
  const version = await child.waitFor(/^clickhouse (.*)$/m).catch(() => null);
  if (!version) return null;
  return {
    version: version[1] ?? '',
    async ask(sql) {
      const answer = once(child.process, 'message');
      child.process.send(sql);
      const [result] = await Promise.race([answer, ended]);
      if (result.failure) throw new Error(result.failure);
      return result;
    },
    async close() {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
