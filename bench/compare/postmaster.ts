import { readFile, readlink, realpath, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The PostgreSQL of a data folder, as its postmaster.pid describes it. */
export interface Postmaster {
  pid: number;
  connectionString: string;
  socketFolder: string;
}

const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/**
 * The running PostgreSQL of a data folder, whichever version of the server made it; null when there
 * is none.
 */
export async function findPostmaster(dataDir: string): Promise<Postmaster | null> {
  const cluster = await realpath(join(dataDir, 'postgres/data')).catch(() => null);
  if (cluster === null) return null;
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid = '', , , port = '', socketFolder = ''] = text.split('\n').map((line) => line.trim());
  // A postmaster works in its data folder; another process that got its number later does not.
  if ((await readlink(`/proc/${pid}/cwd`).catch(() => null)) !== cluster) return null;
  const host = encodeURIComponent(socketFolder);
  const connectionString = `postgresql://meterr@localhost/meterr?host=${host}&port=${port}`;
  return { pid: Number(pid), connectionString, socketFolder };
}

async function stopPostmaster(dataDir: string, { pid, socketFolder }: Postmaster): Promise<void> {
  process.kill(pid, 'SIGINT');
  for (const deadline = performance.now() + STOP_TIMEOUT_MS; await findPostmaster(dataDir); await sleep(POLL_MS)) {
    if (performance.now() > deadline) throw new Error(`PostgreSQL of ${dataDir} (pid ${pid}) does not stop.`);
  }
  // Where the path would be too long for a socket, it lies outside the data folder.
  await rmdir(socketFolder).catch(() => {});
}

/**
 * Stops the PostgreSQL of a data folder where it still runs, and removes all its files. The server
 * has ended.
 */
export async function removeData(dataDir: string): Promise<void> {
  const postmaster = await findPostmaster(dataDir);
  if (postmaster) await stopPostmaster(dataDir, postmaster);
  // A link, where root keeps the cluster elsewhere.
  const home = await realpath(join(dataDir, 'postgres')).catch(() => null);
  if (home) await rm(home, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}
