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

/** Beside the data of a server that runs from this clone, never inside it. */
const METERR_FOLDER = join(import.meta.dirname, '../../.meterr');
const CLUSTER = join(METERR_FOLDER, 'test');
const LOCK_TIMEOUT_MS = 120_000;
/** Tests of power failures use a cluster of their own; all others need speed. */
const FAST_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '128MB',
  max_connections: '300',
};

/** Data folders of single tests. The next run removes what a killed run has left here. */
export const SCRATCH_FOLDER = join(METERR_FOLDER, 'test-scratch');
/** The same for folders that another user must be able to enter. */
export const PUBLIC_SCRATCH_PREFIX = `meterr-test-${createHash('sha256').update(METERR_FOLDER).digest('hex').slice(0, 8)}-`;

/** Several runs in one clone share the server, and the last one removes it. */
export interface TestRun {
  postgres: EmbeddedPostgres;
  end(): Promise<void>;
}

/** Starts PostgreSQL, after it has removed what a killed run left behind. */
export async function startTestRun(): Promise<TestRun> {
  await mkdir(METERR_FOLDER, { recursive: true });
  const runs = join(METERR_FOLDER, 'test-runs');
  return withRunLock(async () => {
    await removeLeftovers();
    const postgres = await startEmbeddedPostgres({ dataDir: CLUSTER, settings: FAST_SETTINGS });
    const share = await waitForFileLock(runs, LOCK_TIMEOUT_MS, 'shared');
    const end = () =>
      withRunLock(async () => {
        share?.release();
        await postgres.stop();
        await removeLeftovers();
      });
    return { postgres, end };
  });

  async function removeLeftovers(): Promise<void> {
    const onlyRun = tryFileLock(runs);
    if (!onlyRun) return;
    const inTmp = (await readdir(tmpdir())).filter((name) => name.startsWith(PUBLIC_SCRATCH_PREFIX));
    for (const folder of [CLUSTER, SCRATCH_FOLDER]) await removeClusters(folder);
    for (const name of inTmp) await removeClusters(join(tmpdir(), name));
    onlyRun.release();
  }
}

async function withRunLock<T>(work: () => Promise<T>): Promise<T> {
  const lock = await waitForFileLock(join(METERR_FOLDER, 'test.lock'), LOCK_TIMEOUT_MS);
  if (!lock) throw new Error(`Another run of the tests has held .meterr/test.lock for ${LOCK_TIMEOUT_MS / 1000} s.`);
  return work().finally(() => lock.release());
}
