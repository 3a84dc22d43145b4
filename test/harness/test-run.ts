import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/embedded-postgres/embedded-postgres.ts';
import { tryFileLock, waitForFileLock } from '../../src/platform/file-lock.ts';
import { removeClusters } from './processes/remove-clusters.ts';

/**
 * Of this clone, wherever the tests were started. Beside the data of a server that runs from it,
 * never in it.
 */
const METERR_FOLDER = join(import.meta.dirname, '../../.meterr');
const CLUSTER = join(METERR_FOLDER, 'test');
const LOCK_TIMEOUT_MS = 120_000;
/** Tests about power failures ask for a cluster of their own; the others need speed. */
const FAST_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '128MB',
  max_connections: '300',
};

/**
 * Data folders of single tests are `<this><name>`: what a killed run left there, the next one
 * removes.
 */
export const SCRATCH_FOLDER = join(METERR_FOLDER, 'test-scratch');
/** The same, for those that another user must be able to enter. */
export const PUBLIC_SCRATCH_PREFIX = `meterr-test-${createHash('sha256').update(METERR_FOLDER).digest('hex').slice(0, 8)}-`;

/**
 * One run of the tests. Several may go on at once in a clone: they share the server, and the last
 * one removes it.
 */
export interface TestRun {
  postgres: EmbeddedPostgres;
  end(): Promise<void>;
}

/** Starts PostgreSQL for a run of the tests, after removing what a killed run left behind. */
export async function startTestRun(): Promise<TestRun> {
  await mkdir(METERR_FOLDER, { recursive: true });
  const runs = join(METERR_FOLDER, 'test-runs');
  return alone(async () => {
    await removeLeftovers();
    const postgres = await startEmbeddedPostgres({ dataDir: CLUSTER, settings: FAST_SETTINGS });
    const share = await waitForFileLock(runs, LOCK_TIMEOUT_MS, 'shared');
    const end = () =>
      alone(async () => {
        share?.release();
        await postgres.stop();
        await removeLeftovers();
      });
    return { postgres, end };
  });

  async function removeLeftovers(): Promise<void> {
    const isLast = tryFileLock(runs);
    if (!isLast) return;
    const inTmp = (await readdir(tmpdir())).filter((name) => name.startsWith(PUBLIC_SCRATCH_PREFIX));
    for (const folder of [CLUSTER, SCRATCH_FOLDER]) await removeClusters(folder);
    for (const name of inTmp) await removeClusters(join(tmpdir(), name));
    isLast.release();
  }
}

async function alone<T>(work: () => Promise<T>): Promise<T> {
  const lock = await waitForFileLock(join(METERR_FOLDER, 'test.lock'), LOCK_TIMEOUT_MS);
  if (!lock) throw new Error('Another run of the tests keeps .meterr/test.lock.');
  return work().finally(() => lock.release());
}
