import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { AppError } from '../../errors.ts';
import {
  BACKUP_FORMAT,
  type BackupHeader,
  HEADER_NAME,
  readHeader,
  readTrailer,
  TRAILER_BYTES,
  ZSTD_MAGIC,
} from './backup-format.ts';
import { readBody, readTar, type TarEntry } from './tar.ts';

const READ_BYTES = 1_048_576;

/** A backup whose every byte is as it was written. */
export interface BackupFile {
  path: string;
  header: BackupHeader;
  /** The files of the archive, from the one behind the header on. May be read once. */
  entries(): AsyncGenerator<TarEntry>;
}

function refusal(message: string, cause?: unknown): AppError {
  return new AppError('unavailable', message, { cause });
}

async function readAt(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  return buffer.subarray(0, bytesRead);
}

/** @returns the number of bytes before the trailer */
async function requireWhole(path: string, file: FileHandle, signal: AbortSignal): Promise<number> {
  const { size } = await file.stat();
  const end = Math.max(size - TRAILER_BYTES, 0);
  const trailer = readTrailer(await readAt(file, end, TRAILER_BYTES));
  if (trailer === null) {
    const isBegun = (await readAt(file, 0, ZSTD_MAGIC.length)).equals(ZSTD_MAGIC);
    if (isBegun) throw refusal(`${path} is not whole: its end is missing or damaged. Use another backup.`);
    throw refusal(`${path} is not a backup of Meterr: name a file that npm run backup has made.`);
  }
  const { format, digest } = trailer;
  if (format > BACKUP_FORMAT) {
    throw refusal(`${path} has the format ${format}, of a newer Meterr: restore it with that version.`);
  }
  const hash = createHash('sha256');
  const read = createReadStream(path, { end: end - 1, highWaterMark: READ_BYTES, signal });
  for await (const chunk of read) hash.update(chunk);
  if (hash.digest('hex') !== digest) {
    throw refusal(`${path} is damaged: its SHA-256 is not the one that it ends with. Use another backup.`);
  }
  return end;
}

function decompress(path: string, end: number): Readable {
  // An error reaches whoever reads the result.
  return pipeline(createReadStream(path, { end: end - 1 }), createZstdDecompress(), () => {});
}

/**
 * Reads the whole file once, and holds it to the SHA-256 that it ends with.
 * @throws AppError unavailable, naming the file: it is no backup, not whole, damaged, or of a newer
 *   format; the system's error where it cannot be read
 */
export async function openBackupFile(path: string, signal: AbortSignal): Promise<BackupFile> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? refusal(`There is no file ${path}: name a backup.`) : error;
  });
  let end: number;
  try {
    if (!(await file.stat()).isFile()) throw refusal(`${path} is not a file: name a backup.`);
    end = await requireWhole(path, file, signal);
  } finally {
    await file.close();
  }
  const stream = decompress(path, end);
  const archive = readTar(stream);
  try {
    const first = await archive.next();
    if (first.done || first.value.name !== HEADER_NAME) throw new Error(`its first file is not ${HEADER_NAME}`);
    const header = readHeader((await readBody(first.value.body)).toString('utf8'));
    return { path, header, entries: () => archive };
  } catch (cause) {
    stream.destroy();
    throw refusal(`${path} is not a backup that this Meterr understands.`, cause);
  }
}
