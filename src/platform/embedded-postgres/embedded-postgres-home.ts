import { createHash, randomBytes } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  lchown,
  lstat,
  mkdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../errors.ts';

/** PostgreSQL refuses to run as root: this account runs it when this process is root. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** Holds `data`, `socket`, `postgres.log` and, under root, a copy of the binaries. */
export interface PostgresHome {
  folder: string;
  /** Null when the server runs as the user of this process. */
  user: ServerUser | null;
}

const ROOT_HOMES = '/var/lib/meterr';
const NOBODY: ServerUser = { uid: 65534, gid: 65534 };
/** The smallest `sun_path` limit (macOS), minus a final zero and the name of the socket. */
const MAX_SOCKET_FOLDER_BYTES = 103 - '/.s.PGSQL.5432'.length;

/** True where the server listens on a Unix socket; on Windows it uses TCP on the loopback. */
export const HAS_UNIX_SOCKETS = process.platform !== 'win32';

/**
 * Opens the folder of the cluster that belongs to `dataDir` (absolute, without symlinks), and
 * creates it when it is missing. It is `<dataDir>/postgres`. When this process is root and the
 * server's user cannot enter that folder (a clone under /root), that name is a link to a folder
 * under /var/lib/meterr.
 * @throws AppError unavailable when the link points to a folder that is gone
 */
export async function openPostgresHome(dataDir: string, log: (line: string) => void): Promise<PostgresHome> {
  const folder = join(dataDir, 'postgres');
  const isRoot = process.getuid?.() === 0;
  const found = await lstat(folder).catch(() => null);
  if (!isRoot) {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return { folder, user: null };
  }
  if (found?.isSymbolicLink()) {
    const home = await readlink(folder);
    if (await isHomeOf(dataDir, home)) return { folder: home, user: await findServerUser(home) };
    log(`${dataDir} is a copy of another data folder and does not share its database: starting with an empty one.`);
    await rm(folder);
  } else if (found) return { folder, user: await findServerUser(folder) };

  const user = await findServerUser(folder);
  if (await canEnter(dataDir, user)) {
    await mkdir(folder);
    await chmod(folder, 0o755);
    return { folder, user };
  }
  return { folder: await makeRootHome(dataDir), user };
}

async function makeRootHome(dataDir: string): Promise<string> {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const home = join(ROOT_HOMES, `${name}-${randomBytes(3).toString('hex')}`);
  for (const folder of [ROOT_HOMES, home]) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
  }
  await writeFile(join(home, 'folder'), dataDir);
  const link = join(dataDir, 'postgres');
  await rm(`${link}.partial`, { force: true });
  await symlink(home, `${link}.partial`);
  await rename(`${link}.partial`, link);
  return home;
}

/** A moved data folder keeps its home; a copied one (`cp -r` copies the link) must not. */
async function isHomeOf(dataDir: string, home: string): Promise<boolean> {
  const relation = await relate(dataDir, home);
  if (relation === 'moved') await writeFile(join(home, 'folder'), dataDir);
  return relation !== 'copied';
}

async function relate(dataDir: string, home: string): Promise<'same' | 'moved' | 'copied'> {
  const owner = await readFile(join(home, 'folder'), 'utf8').catch(() => null);
  if (owner === null) {
    const message = `The database of ${dataDir} was kept in ${home}, which is gone. To start with an empty database, remove ${join(dataDir, 'postgres')}.`;
    throw new AppError('unavailable', message);
  }
  if (owner === dataDir) return 'same';
  const ownersHome = await readlink(join(owner, 'postgres')).catch(() => null);
  return ownersHome === home ? 'copied' : 'moved';
}

/**
 * Whether there is a cluster that belongs to `dataDir` (absolute, without symlinks). Changes nothing.
 * @throws AppError unavailable when the link points to a folder that is gone
 */
export async function hasPostgresData(dataDir: string): Promise<boolean> {
  const folder = join(dataDir, 'postgres');
  const isLink = (await lstat(folder).catch(() => null))?.isSymbolicLink();
  if (isLink && process.getuid?.() === 0 && (await relate(dataDir, await readlink(folder))) === 'copied') return false;
  const failure = await stat(join(folder, 'data')).then(
    () => null,
    (error: NodeJS.ErrnoException) => error,
  );
  return failure === null || failure.code !== 'ENOENT';
}

/** Existing data keeps its owner, even when a `postgres` account is added to the machine later. */
async function findServerUser(home: string): Promise<ServerUser> {
  const data = await stat(join(home, 'data')).catch(() => null);
  if (data && data.uid !== 0) return { uid: data.uid, gid: data.gid };
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const postgres = /^postgres:[^:]*:([1-9]\d*):(\d+):/m.exec(accounts);
  return postgres ? { uid: Number(postgres[1]), gid: Number(postgres[2]) } : NOBODY;
}

async function canEnter(folder: string, user: ServerUser): Promise<boolean> {
  const { mode, uid, gid } = await stat(folder);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  if (!(mode & bit)) return false;
  const parent = dirname(folder);
  return parent === folder || canEnter(parent, user);
}

/** It is in the home, or in /tmp when that path would exceed the length limit of a socket. */
export function socketFolder(home: PostgresHome): string {
  const inHome = join(home.folder, 'socket');
  if (Buffer.byteLength(inHome) <= MAX_SOCKET_FOLDER_BYTES) return inHome;
  return `/tmp/meterr-${createHash('sha256').update(home.folder).digest('hex').slice(0, 16)}`;
}

/**
 * Creates a folder that only the server's user (and root) can enter.
 * @throws AppError unavailable when a folder with another owner or mode is already there
 */
export async function makePrivateFolder(folder: string, user: ServerUser | null): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  if (!HAS_UNIX_SOCKETS) return;
  // A crash between `mkdir` and `lchown` leaves a folder that root owns.
  if (user && (await lstat(folder)).uid === 0) await lchown(folder, user.uid, user.gid);
  const { uid, mode } = await lstat(folder);
  if (uid !== (user?.uid ?? process.getuid?.()) || (mode & 0o170777) !== 0o040700) {
    throw new AppError(
      'unavailable',
      `${folder} must be a folder with mode 0700 that belongs to the user who runs PostgreSQL.`,
    );
  }
}
