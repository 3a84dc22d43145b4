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

function figure(value: number): string {
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

/** The table, for a terminal. */
export function formatTable(measurements: readonly Measurement[], skipped: readonly Skipped[]): string {
  const lines = [HEADINGS, ...measurements.map(describe)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...text, ...skipped.map(({ row, why }) => `SKIPPED ${row}: ${why}`)].join('\n');
}

function gitCommit(): string {
  try {
    const run = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
    return run('rev-parse', 'HEAD') + (run('status', '--porcelain') ? ' and uncommitted changes' : '');
  } catch {
    return 'unknown';
  }
}

/** Writes `bench/results/latest.json`. */
export async function writeResults(
  options: object,
  rows: readonly Measurement[],
  skipped: readonly Skipped[],
): Promise<string> {
  const [cpu] = cpus();
  const machine = { cpu: cpu?.model, cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30) };
  const { platform, arch } = process;
  const results = {
    date: new Date().toISOString(),
    commit: gitCommit(),
    node: process.version,
    platform,
    arch,
    machine,
  };
  const folder = join(ROOT, 'bench/results');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'latest.json');
  const round = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value);
  await writeFile(file, `${JSON.stringify({ ...results, options, rows, skipped }, round, 2)}\n`);
  return file;
}
