import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/embedded-postgres/embedded-postgres.ts';
import { tryFileLock } from '../../src/platform/file-lock.ts';
import { ROOT } from './child.ts';

export interface DataFolder {
  /** For METERR_DATA_DIR. */
  path: string;
  postgres: EmbeddedPostgres;
  /** Stops the database and removes every file of it. */
  remove(): Promise<void>;
}

async function removeCluster(path: string, postgres: EmbeddedPostgres): Promise<void> {
  await postgres.stop();
  await rm(postgres.folder, { recursive: true, force: true });
  await rm(path, { recursive: true, force: true });
}

/**
 * An empty data folder with its own PostgreSQL, under the settings of production. @throws Error
 * when a bench runs
 */
export async function openDataFolder(): Promise<DataFolder> {
  const folder = join(ROOT, '.meterr/bench');
  await mkdir(folder, { recursive: true });
  const lock = tryFileLock(join(folder, 'lock'));
  if (!lock) throw new Error('Another bench is running here.');
  const path = join(folder, 'data');
  // What a killed run left behind, its server perhaps still running.
  if (existsSync(path)) await removeCluster(path, await startEmbeddedPostgres({ dataDir: path }));
  const postgres = await startEmbeddedPostgres({ dataDir: path });
  return {
    path,
    postgres,
    async remove() {
      await removeCluster(path, postgres);
      lock.release();
    },
  };
}
