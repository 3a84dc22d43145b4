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

/** The account PostgreSQL runs under when we are root, which it refuses to be. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/**
 * The folder of one cluster: `data`, `socket`, `postgres.log` and, as root, a copy of the binaries.
 */
export interface PostgresHome {
  folder: string;
  /** Null: the server runs as ourselves. */
  user: ServerUser | null;
}

const ROOT_HOMES = '/var/lib/meterr';
const NOBODY: ServerUser = { uid: 65534, gid: 65534 };
/**
 * The shortest limit of `sun_path` (macOS), less its final zero and the name PostgreSQL gives its
 * socket.
 */
const MAX_SOCKET_FOLDER_BYTES = 103 - '/.s.PGSQL.5432'.length;

/**
 * True where PostgreSQL and Node meet on a Unix socket; elsewhere (Windows) it is TCP on the
 * loopback.
 */
export const HAS_UNIX_SOCKETS = process.platform !== 'win32';

/**
 * Where the cluster of `dataDir` (absolute, real) lies: `<dataDir>/postgres`, unless we are root
 * and the server's user cannot enter there (a clone under /root); then that name is a link to a
 * folder under /var/lib/meterr.
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
    log(`${dataDir} is a copy of another data folder, whose database stays its own: beginning with an empty one.`);
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

/**
 * A moved data folder takes its home along; a copied one (`cp -r` copies the link) must not share
 * it.
 */
async function isHomeOf(dataDir: string, home: string): Promise<boolean> {
  const owner = await readFile(join(home, 'folder'), 'utf8').catch(() => null);
  if (owner === null) {
    const message = `The database of ${dataDir} was kept in ${home}, which is gone. To begin with an empty one, remove ${join(dataDir, 'postgres')}.`;
    throw new AppError('unavailable', message);
  }
  if (owner === dataDir) return true;
  const ownersHome = await readlink(join(owner, 'postgres')).catch(() => null);
  if (ownersHome === home) return false;
  await writeFile(join(home, 'folder'), dataDir);
  return true;
}

/**
 * Data that exists keeps its owner, also when a `postgres` account is added to the machine later.
 */
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

/**
 * The path of the folder of the Unix socket: in the home, or in /tmp where that would be too long
 * for a socket.
 */
export function socketFolder(home: PostgresHome): string {
  const inHome = join(home.folder, 'socket');
  if (Buffer.byteLength(inHome) <= MAX_SOCKET_FOLDER_BYTES) return inHome;
  return `/tmp/meterr-${createHash('sha256').update(home.folder).digest('hex').slice(0, 16)}`;
}

/**
 * Makes a folder that only the server's user (and root) can enter; refuses one that somebody else
 * put there.
 */
export async function makePrivateFolder(folder: string, user: ServerUser | null): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  if (!HAS_UNIX_SOCKETS) return;
  // Root's own folder is one that a crash left before it was given away.
  if (user && (await lstat(folder)).uid === 0) await lchown(folder, user.uid, user.gid);
  const { uid, mode } = await lstat(folder);
  if (uid !== (user?.uid ?? process.getuid?.()) || (mode & 0o170777) !== 0o040700) {
    throw new AppError('unavailable', `${folder} must be a folder of mode 0700 of the user who runs PostgreSQL.`);
  }
}
