import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './child.ts';

/** One line of the table. Medians over the rounds. */
export interface Measurement {
  row: string;
  what: string;
  value: number;
  unit: string;
  /** What it is compared with, in the same unit and the same run. */
  against?: { what: string; value: number };
  /** `value / against`, or the other way round where less is better. */
  ratio?: number;
  /** The ratio that is wanted; shown, not asserted. */
  wanted?: string;
  latencyMs?: { p50: number; p99: number };
  /** A single event's share, over the whole load. */
  cpuMicroseconds?: { server: number; postgres: number; client: number } | null;
  note?: string;
}

/** A row that this run did not measure, and why. */
export interface Skipped {
  row: string;
  why: string;
}

/** Three digits, or a whole number. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return '-';
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

function describe(one: Measurement): string[] {
  const { against, latencyMs, cpuMicroseconds: cpu } = one;
  return [
    one.what,
    `${figure(one.value)} ${one.unit}`,
    against ? `${against.what} ${figure(against.value)}` : '',
    one.ratio === undefined ? '' : `${one.ratio.toFixed(2)}x${one.wanted ? ` (${one.wanted})` : ''}`,
    latencyMs ? `${figure(latencyMs.p50)} / ${figure(latencyMs.p99)}` : '',
    cpu ? `${figure(cpu.server)} / ${figure(cpu.postgres)} / ${figure(cpu.client)}` : '',
    one.note ?? '',
  ];
}

const HEADINGS = ['', 'measured', 'against', 'ratio (wanted)', 'p50 / p99 ms', 'us CPU: server/postgres/client', ''];

/**
 * One string a line, with each column as wide as its widest cell. The first line has all columns.
 */
export function alignColumns(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** The table, for a terminal. */
export function formatTable(measurements: readonly Measurement[], skipped: readonly Skipped[]): string {
  const text = alignColumns([HEADINGS, ...measurements.map(describe)]);
  return [...text, ...skipped.map(({ row, why }) => `SKIPPED ${row}: ${why}`)].join('\n');
}

/** The commit of the working tree, and whether it is changed. */
export function gitCommit(): string {
  try {
    const run = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
    return run('rev-parse', 'HEAD') + (run('status', '--porcelain') ? ' and uncommitted changes' : '');
  } catch {
    return 'unknown';
  }
}

/**
 * Writes a file of `bench/results`: the machine, the versions, and these results. Returns its path.
 */
export async function writeResults(name: string, results: object): Promise<string> {
  const [cpu] = cpus();
  const machine = { cpu: cpu?.model, cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30) };
  const { platform, arch } = process;
  const origin = {
    date: new Date().toISOString(),
    commit: gitCommit(),
    node: process.version,
    platform,
    arch,
    machine,
  };
  const folder = join(ROOT, 'bench/results');
  await mkdir(folder, { recursive: true });
  const file = join(folder, name);
  const round = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);
  await writeFile(file, `${JSON.stringify({ ...origin, ...results }, round, 2)}\n`);
  return file;
}
