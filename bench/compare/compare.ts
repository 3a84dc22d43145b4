import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tryFileLock } from '../../src/platform/file-lock.ts';
import { ROOT, stopChildren } from '../harness/child.ts';
import { gitCommit, writeResults } from '../harness/report.ts';
import { checkOut, resolveCommit } from './check-out.ts';
import { type Comparison, compareSamples, formatComparison } from './comparison.ts';
import { measurePairs } from './pairs.ts';
import { removeData } from './postmaster.ts';
import { ROWS } from './rows.ts';
import { startVersion, type Version } from './version.ts';

export interface CompareOptions {
  rounds: number;
  measureMs: number;
  /** The share that the cost may rise: 0.08 is 8 %. */
  within: number;
}

const FOLDER = join(ROOT, '.meterr/bench');
const SOURCE = join(FOLDER, 'compare');
const DATA = { before: join(FOLDER, 'compare-before'), after: join(FOLDER, 'compare-after') };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Removes what a comparison made, also one that was killed. @throws Error when a server of it still
 * runs
 */
async function removeAll(): Promise<void> {
  for (const dataDir of [DATA.before, DATA.after]) {
    await mkdir(dataDir, { recursive: true });
    const users = tryFileLock(join(dataDir, 'postgres.users'));
    if (!users) throw new Error(`A server of an earlier comparison still uses ${dataDir}: stop it first.`);
    users.release();
    await removeData(dataDir);
  }
  await rm(SOURCE, { recursive: true, force: true });
}

async function measureRows(
  names: readonly string[],
  before: Version,
  after: Version,
  { rounds, measureMs, within }: CompareOptions,
  signal: AbortSignal,
): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const name of names) {
    for (const load of ROWS.get(name) ?? []) {
      const measure = { before: await load.open(before, measureMs), after: await load.open(after, measureMs) };
      const guard = (run: typeof measure.before) => () => {
        signal.throwIfAborted();
        return run();
      };
      const pairs = await measurePairs(rounds, { before: guard(measure.before), after: guard(measure.after) });
      const comparison = compareSamples(name, load, pairs, within);
      say(`\n${formatComparison(comparison, within)}`);
      comparisons.push(comparison);
    }
  }
  return comparisons;
}

async function compareVersions(
  commit: string,
  names: readonly string[],
  options: CompareOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const open: Version[] = [];
  const start = async (side: 'before' | 'after', root: string) => {
    signal.throwIfAborted();
    const version = await startVersion(side, root, DATA[side]);
    open.push(version);
    return version;
  };
  try {
    say(`before: ${commit}\nafter:  the working tree, ${gitCommit()}`);
    await checkOut(commit, SOURCE, say);
    const before = await start('before', SOURCE);
    const after = await start('after', ROOT);
    const comparisons = await measureRows(names, before, after, options, signal);
    const file = await writeResults('compare.json', { before: commit, options, comparisons });
    say(`\nWritten to ${file}`);
    return comparisons.every(({ verdict }) => verdict !== 'no');
  } finally {
    await Promise.all(open.map((version) => version.close()));
    await stopChildren();
    await removeAll();
  }
}

/**
 * Measures the working tree against a commit, in turn. False when the cost of a row is clearly
 * beyond the limit. A signal ends it early: what was started is stopped, and what was written is
 * removed.
 * @throws Error when the commit or a row is unknown, an event was lost or doubled, or another bench
 * runs here
 */
export async function compare(commit: string, names: readonly string[], options: CompareOptions): Promise<boolean> {
  const unknown = names.filter((name) => !ROWS.has(name));
  if (unknown.length > 0) {
    throw new Error(`No such row: ${unknown.join(', ')}. There are: ${[...ROWS.keys()].join(', ')}.`);
  }
  if (process.platform !== 'linux') throw new Error('A comparison reads CPU times from /proc, which only Linux has.');
  const hash = resolveCommit(commit);
  await mkdir(FOLDER, { recursive: true });
  const lock = tryFileLock(join(FOLDER, 'lock'));
  if (!lock) throw new Error('Another bench is running here.');
  const abort = new AbortController();
  // Not once: Ctrl-C reaches this process from the terminal and again through npm.
  const interrupt = (name: NodeJS.Signals) => {
    abort.abort(new Error(`${name}: stopped before the end.`));
    void stopChildren();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt);
  try {
    await removeAll();
    return await compareVersions(hash, names.length > 0 ? names : [...ROWS.keys()], options, abort.signal);
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    lock.release();
  }
}
