import type { Measurement } from './report.ts';
import type { Measured } from './shoot.ts';
import { median } from './statistics.ts';

/** The medians of several shots, as a line's part. */
export function summarizeShots(shots: readonly Measured[]) {
  const of = (value: (shot: Measured) => number) => median(shots.map(value));
  const part = (name: 'server' | 'postgres' | 'client') =>
    of(({ cpuMicroseconds }) => cpuMicroseconds?.[name] ?? Number.NaN);
  return {
    value: of(({ eventsPerSecond }) => eventsPerSecond),
    latencyMs: { p50: of(({ p50Ms }) => p50Ms), p99: of(({ p99Ms }) => p99Ms) },
    cpuMicroseconds: { server: part('server'), postgres: part('postgres'), client: part('client') },
  } satisfies Partial<Measurement>;
}

/** How many were acknowledged, and that all of them are on disk once: `shoot` throws otherwise. */
export function describeTally(shots: readonly Measured[]): string {
  const sum = (value: (shot: Measured) => number) => shots.reduce((total, shot) => total + value(shot), 0);
  const acknowledged = sum((shot) => shot.acknowledged).toLocaleString('en-US');
  return `${acknowledged} acknowledged, ${sum((shot) => shot.repeats).toLocaleString('en-US')} repeats, lost 0, doubled 0`;
}
