import { readdir, readFile } from 'node:fs/promises';

const TICKS_PER_SECOND = 100;

interface ProcessTimes {
  pid: number;
  parent: number;
  /** User and system, of itself and of children that ended. */
  seconds: number;
  name: string;
}

async function readTimes(pid: number): Promise<ProcessTimes | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  const match = /^\d+ \((.*)\) (.*)$/s.exec(text ?? '');
  if (!match) return null;
  const fields = (match[2] as string).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), seconds: ticks / TICKS_PER_SECOND, name: match[1] as string };
}

/** CPU seconds that a process used so far, and all below it; null where there is no /proc. */
export async function cpuSeconds(root: number): Promise<number | null> {
  const names = await readdir('/proc').catch(() => null);
  if (!names) return null;
  const all = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => readTimes(Number(name))));
  const processes = all.filter((one) => one !== null);
  const family = new Set([root]);
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const { pid, parent } of processes) if (family.has(parent)) family.add(pid);
  }
  return processes.filter(({ pid }) => family.has(pid)).reduce((sum, { seconds }) => sum + seconds, 0);
}

/**
 * What `work` returns, and the CPU seconds that each of these processes, and all below it, spent
 * meanwhile.
 */
export async function cpuSpentDuring<Result>(
  pids: readonly number[],
  work: () => Promise<Result>,
): Promise<{ result: Result; seconds: number[] | null }> {
  const before = await Promise.all(pids.map(cpuSeconds));
  const result = await work();
  const after = await Promise.all(pids.map(cpuSeconds));
  if (before.includes(null)) return { result, seconds: null };
  return { result, seconds: after.map((seconds, i) => (seconds ?? Number.NaN) - (before[i] ?? Number.NaN)) };
}

/** Resident memory in bytes, or null where there is no /proc. */
export async function residentBytes(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(text)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
