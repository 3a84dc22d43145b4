/** One file in a tar archive. Its body must be read to the end before the next entry is asked for. */
export interface TarEntry {
  name: string;
  size: number;
  body: AsyncGenerator<Buffer>;
}

const BLOCK = 512;
const CHECKSUM = { at: 148, length: 8 } as const;
const MAX_NAME_BYTES = 100;

/**
 * One file as a tar archive has it (POSIX ustar): header, content, padding.
 * @param name at most 100 bytes
 */
export function tarFile(name: string, content: readonly Buffer[], atMs: number): Buffer[] {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw new RangeError(`${name} is too long for a tar archive`);
  const size = content.reduce((sum, { length }) => sum + length, 0);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o600, 7), 100);
  header.write(octal(0, 7) + octal(0, 7), 108);
  header.write(octal(size, 11) + octal(Math.floor(atMs / 1000), 11), 124);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  header.fill(' ', CHECKSUM.at, CHECKSUM.at + CHECKSUM.length);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)} `, CHECKSUM.at);
  return [header, ...content, Buffer.alloc(padding(size))];
}

/** What a tar archive ends with. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK);
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Reads so many bytes after each other of chunks of any size. */
function createTaker(source: AsyncIterable<Buffer>) {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return async function* take(bytes: number): AsyncGenerator<Buffer> {
    let left = bytes;
    while (left > 0) {
      if (rest.length === 0) {
        const next = await chunks.next();
        if (next.done) throw new Error('the archive ends too early');
        rest = next.value;
      }
      const part = rest.subarray(0, left);
      rest = rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  };
}

/** The whole of a small body. */
export async function readBody(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

/**
 * The files of an archive that {@link tarFile} wrote, in their order.
 * @throws Error where it ends too early or is not such an archive
 */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const take = createTaker(source);
  for (;;) {
    const header = await readBody(take(BLOCK));
    if (header[0] === 0) return;
    if (header.toString('latin1', 257, 262) !== 'ustar') throw new Error('it contains no tar archive');
    const name = header.toString('utf8', 0, header.indexOf(0));
    const size = Number.parseInt(header.toString('latin1', 124, 135), 8);
    yield { name, size, body: take(size) };
    await readBody(take(padding(size)));
  }
}
