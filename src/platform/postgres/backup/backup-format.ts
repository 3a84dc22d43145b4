import { z } from 'zod';

// A backup is a tar archive, compressed with zstd. Its first file says what is in it, then come the rows
// of each table as PostgreSQL's COPY writes them, in parts, and its last file says how much there was.
// A frame that zstd skips ends it: `METERR BACKUP 001`, and the SHA-256 of all that is before it.

export const BACKUP_FORMAT = 1;
export const HEADER_NAME = 'backup.json';
export const CONTENTS_NAME = 'contents.json';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();

const header = z.object({
  format: z.literal(BACKUP_FORMAT),
  /** The version of Meterr that made it. */
  meterr: z.string(),
  /** The moment that it shows. */
  takenAt: z.iso.datetime(),
  postgres: z.string(),
  encoding: z.literal('UTF8'),
  /** In the order in which they apply. */
  migrations: z.array(z.object({ name: z.string(), checksum: sha256 })).min(1),
  /** In an order in which they can be filled. */
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()).min(1) })),
});

const contents = z.object({
  tables: z.array(z.object({ name: z.string(), rows: count, bytes: count, sha256 })),
  sequences: z.array(z.object({ name: z.string(), lastValue: z.string().regex(/^-?\d+$/), isCalled: z.boolean() })),
});

/** The first file of a backup. */
export type BackupHeader = z.infer<typeof header>;
/** The last file of a backup. */
export type BackupContents = z.infer<typeof contents>;

/** @throws Error when it is not such a file */
export function readHeader(text: string): BackupHeader {
  return header.parse(JSON.parse(text));
}

/** @throws Error when it is not such a file */
export function readContents(text: string): BackupContents {
  return contents.parse(JSON.parse(text));
}

/** The name of a part of a table's rows; parts count from 1. */
export function partName(table: string, part: number): string {
  return `${table}/${String(part).padStart(6, '0')}.copy`;
}

const TRAILER = /^METERR BACKUP (\d{3}) ([0-9a-f]{64})\n$/;
/** The first magic number of a frame that zstd skips, RFC 8878. */
const SKIPPED_FRAME = 0x184d2a50;
const FRAME_BYTES = 8;
const TEXT_BYTES = 'METERR BACKUP 001 '.length + 64 + 1;

/** What every zstd file begins with. */
export const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
export const TRAILER_BYTES = FRAME_BYTES + TEXT_BYTES;

/** What a backup ends with. */
export function makeTrailer(digest: string): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(SKIPPED_FRAME, 0);
  trailer.writeUInt32LE(TEXT_BYTES, 4);
  trailer.write(`METERR BACKUP ${String(BACKUP_FORMAT).padStart(3, '0')} ${digest}\n`, FRAME_BYTES);
  return trailer;
}

/** What the last {@link TRAILER_BYTES} bytes of a file say; null: they are not the end of a backup. */
export function readTrailer(bytes: Buffer): { format: number; digest: string } | null {
  const isFrame =
    bytes.length === TRAILER_BYTES && bytes.readUInt32LE(0) === SKIPPED_FRAME && bytes.readUInt32LE(4) === TEXT_BYTES;
  const [, format, digest] = (isFrame && TRAILER.exec(bytes.toString('latin1', FRAME_BYTES))) || [];
  return format === undefined || digest === undefined ? null : { format: Number(format), digest };
}
