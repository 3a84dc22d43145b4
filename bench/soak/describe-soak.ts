import { slope } from '../harness/statistics.ts';
import type { Sample } from './sample.ts';

const MEGABYTE = 1e6;

/** What is said of each figure: its unit, and by what it is divided for it. */
const FIGURES: readonly (readonly [keyof Sample & string, unit: string, scale: number])[] = [
  ['rss', 'MB', MEGABYTE],
  ['heapUsed', 'MB', MEGABYTE],
  ['external', 'MB', MEGABYTE],
  ['fds', '', 1],
  ['cpu', 's', 1],
  ['postgresMemory', 'MB', MEGABYTE],
  ['postgresProcesses', '', 1],
  ['postgresCpu', 's', 1],
  ['data', 'MB', MEGABYTE],
  ['wal', 'MB', MEGABYTE],
];

/** A line for each figure: first, last, most, and the slope of the second half. */
export function describeSoak(samples: readonly Sample[], phase: Sample['phase']): string {
  const some = samples.filter((sample) => sample.phase === phase);
  const later = some.slice(some.length / 2);
  const lines = FIGURES.map(([name, unit, scale]) => {
    const all = some.map((sample) => Number(sample[name]) / scale);
    const trend = slope(later.map((sample) => [sample.seconds / 60, Number(sample[name]) / scale]));
    const [first, last, most] = [all[0], all.at(-1), Math.max(...all)].map((value) => Number(value).toFixed(1));
    return `${name.padEnd(18)} ${unit.padEnd(2)} first ${first}  last ${last}  most ${most}  second half ${trend.toFixed(2)} ${unit}/min`;
  });
  return [`${phase}, ${some.length} samples`, ...lines].join('\n');
}
