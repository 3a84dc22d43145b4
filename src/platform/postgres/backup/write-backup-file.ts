import { createHash, randomBytes } from 'node:crypto';
import { link, lstat, open, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { AppError } from '../../errors.ts';
import { makeTrailer } from './backup-format.ts';

const FOR_ITS_OWNER = 0o600;
/** What a file system says that has no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function alreadyThere(path: string): AppError {
  return new AppError('unavailable', `${path} is there already and is not overwritten: name another file.`);
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}

/** Gives a finished file its name, unless something else has it. */
async function publish(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
    await unlink(partial);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw alreadyThere(path);
    if (!NO_LINKS.has(codeOf(error))) throw error;
    await requireNothingAt(path);
    await rename(partial, path);
  }
  await syncFolder(dirname(path));
}

/** @throws AppError unavailable where a file or a folder is there */
export async function requireNothingAt(path: string): Promise<void> {
  if (await lstat(path).catch(() => null)) throw alreadyThere(path);
}

/**
 * Writes a backup of this tar archive, readable by its owner only. The file has its name once it is whole
 * and on the disk; until then its name ends with `.partial`. Where this fails, nothing is left of it.
 * @returns its size in bytes
 * @throws AppError unavailable where `path` exists
 */
export async function writeBackupFile(
  path: string,
  archive: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<number> {
  await requireNothingAt(path);
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`;
  const file = await open(partial, 'wx', FOR_ITS_OWNER);
  try {
    const digest = createHash('sha256');
    let bytes = 0;
    const write = async (compressed: AsyncIterable<Buffer>) => {
      for await (const chunk of compressed) {
        digest.update(chunk);
        bytes += chunk.length;
        await file.appendFile(chunk);
      }
    };
    await pipeline(Readable.from(archive), createZstdCompress(), write, { signal });
    const trailer = makeTrailer(digest.digest('hex'));
    await file.appendFile(trailer);
    await file.sync();
    await file.close();
    signal.throwIfAborted();
    await publish(partial, path);
    return bytes + trailer.length;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}
