import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuSeconds, residentBytes } from '../harness/cpu.ts';

/** What a server and its PostgreSQL hold of the machine. Sizes are bytes. */
export interface Sample {
  phase: 'load' | 'idle';
  seconds: number;
  rss: number;
  heapUsed: number;
  external: number;
  fds: number;
  cpu: number;
  /** Of all processes of PostgreSQL: what they share counts once. */
  postgresMemory: number;
  postgresProcesses: number;
  postgresCpu: number;
  /** All files of the cluster but its log of writes. */
  data: number;
  wal: number;
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name)).catch(() => null))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

/** Its share of what it has in memory: a page that five processes share counts a fifth for each. */
async function proportionalBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
}

/** The first value of a metric, NaN where it is missing. */
function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

export interface Watched {
  serverPid: number;
  postgresPid: number;
  /** `data` of the cluster. */
  folder: string;
  /** The text of `/metrics`. */
  readMetrics(): Promise<string>;
}

export async function takeSample(watched: Watched, phase: Sample['phase'], startedMs: number): Promise<Sample> {
  const { serverPid, postgresPid, folder } = watched;
  const processes = [postgresPid, ...(await childrenOf(postgresPid))];
  const shares = await Promise.all(processes.map(proportionalBytes));
  const metrics = await watched.readMetrics();
  const [all, wal] = await Promise.all([folderBytes(folder), folderBytes(join(folder, 'pg_wal'))]);
  return {
    phase,
    seconds: Math.round((performance.now() - startedMs) / 1000),
    rss: (await residentBytes(serverPid)) ?? Number.NaN,
    heapUsed: metric(metrics, 'nodejs_heap_size_used_bytes'),
    external: metric(metrics, 'nodejs_external_memory_bytes'),
    fds: (await readdir(`/proc/${serverPid}/fd`)).length,
    cpu: (await cpuSeconds(serverPid)) ?? Number.NaN,
    postgresMemory: shares.reduce((sum, share) => sum + share, 0),
    postgresProcesses: processes.length,
    postgresCpu: (await cpuSeconds(postgresPid)) ?? Number.NaN,
    data: all - wal,
    wal,
  };
}
