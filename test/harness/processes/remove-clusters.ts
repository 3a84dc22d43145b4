import { existsSync } from 'node:fs';
import { readdir, readlink, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { socketFolder } from '../../../src/platform/embedded-postgres/embedded-postgres-home.ts';
import { findPostmaster } from '../../../src/platform/embedded-postgres/embedded-postgres-server.ts';

const POLL_MS = 20;
const RM_OPTIONS = { recursive: true, force: true, maxRetries: 5 };

/** Removes `folder` with all clusters in it, running or not, and their files elsewhere. */
export async function removeClusters(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  for (const entry of entries) {
    if (basename(entry) === 'postgres.lock') await removeCluster(dirname(join(folder, entry)));
  }
  await rm(folder, RM_OPTIONS);
}

async function removeCluster(dataDir: string): Promise<void> {
  const link = join(dataDir, 'postgres');
  const folder = await readlink(link).catch(() => link);
  const home = { folder, user: null };
  const postmaster = existsSync(folder) ? await findPostmaster(home) : null;
  if (postmaster) {
    // SIGQUIT is the immediate shutdown of PostgreSQL. The data is removed anyway.
    process.kill(postmaster.pid, 'SIGQUIT');
    while (await findPostmaster(home)) await sleep(POLL_MS);
  }
  await rm(socketFolder(home), RM_OPTIONS);
  await rm(folder, RM_OPTIONS);
}
