import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mediaType, readBodyBytes, readBodyText } from '../../src/platform/http/http-body.ts';

const LIMIT = 1_000;
const TOO_LARGE = { code: 'payload_too_large', details: { maxBytes: LIMIT } };

/** A request whose body comes in pieces of unknown total length, or with its length declared. */
function post(body: Uint8Array, headers: Record<string, string>, pieceBytes?: number): Request {
  if (pieceBytes === undefined) {
    const declared = { 'content-length': String(body.length), ...headers };
    return new Request('http://meterr.test/', { method: 'POST', headers: declared, body: Uint8Array.from(body) });
  }
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < body.length; at += pieceBytes) controller.enqueue(body.subarray(at, at + pieceBytes));
      controller.close();
    },
  });
  return new Request(
    'http://meterr.test/',
    Object.assign({ method: 'POST', headers, body: stream }, { duplex: 'half' }),
  );
}

const pieces = fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined });

describe('a body', () => {
  it('is read whole up to the limit and refused beyond it, declared or in pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 0, maxLength: LIMIT + 50 }), pieces, async (bytes, pieceBytes) => {
        const read = readBodyBytes(post(bytes, {}, pieceBytes), LIMIT);
        if (bytes.length > LIMIT) await expect(read).rejects.toMatchObject(TOO_LARGE);
        else expect(Buffer.from(await read)).toEqual(Buffer.from(bytes));
      }),
    );
    for (const size of [LIMIT, LIMIT + 1]) {
      const read = readBodyBytes(post(Buffer.alloc(size, 'a'), {}, 100), LIMIT);
      if (size > LIMIT) await expect(read).rejects.toMatchObject(TOO_LARGE);
      else expect(await read).toHaveLength(size);
    }
  });

  it('that is gzip is unfolded, and refused when it unfolds beyond the limit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: LIMIT }), pieces, async (bytes, pieceBytes) => {
        const sent = gzipSync(bytes);
        fc.pre(sent.length <= LIMIT);
        const read = await readBodyBytes(post(sent, { 'content-encoding': ' GZip ' }, pieceBytes), LIMIT);
        expect(Buffer.from(read)).toEqual(Buffer.from(bytes));
      }),
    );
    const gzip = { 'content-encoding': 'gzip' };
    const bomb = gzipSync(Buffer.alloc(LIMIT + 1));
    expect(bomb.length).toBeLessThan(100);
    await expect(readBodyBytes(post(bomb, gzip), LIMIT)).rejects.toMatchObject(TOO_LARGE);
    expect(await readBodyBytes(post(gzipSync(Buffer.alloc(LIMIT)), gzip), LIMIT)).toHaveLength(LIMIT);
  });

  it.each([
    ['says gzip and is not', 'gzip', 'invalid_request'],
    ['has a coding that is not offered', 'br', 'unsupported_media_type'],
    ['has two codings', 'gzip, gzip', 'unsupported_media_type'],
  ])('that %s is refused by name', async (_, coding, code) => {
    const read = readBodyBytes(post(Buffer.from('{}'), { 'content-encoding': coding }), LIMIT);
    await expect(read).rejects.toMatchObject({ code });
  });

  it('that is missing is empty, not an error', async () => {
    expect(await readBodyText(new Request('http://meterr.test/', { method: 'POST' }))).toBe('');
  });

  it('is UTF-8: a letter cut by a piece is whole again, and what is not UTF-8 is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 100 }), pieces, async (text, pieceBytes) => {
        expect(await readBodyText(post(Buffer.from(text), {}, pieceBytes))).toBe(text);
      }),
    );
    for (const bytes of [
      [0x7b, 0xff, 0x7d],
      [0xed, 0xa0, 0x80],
      [0xc0, 0xaf],
      [0x67, 0x72, 0xfc, 0x6e],
    ]) {
      await expect(readBodyText(post(Buffer.from(bytes), {}))).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining('not UTF-8'),
      });
    }
  });

  it('in gzip may unfold to 1 MiB whatever its size, and beyond that to 100 times its size', async () => {
    const MIB = 1_048_576;
    const gzip = { 'content-encoding': 'gzip' };
    const bomb = gzipSync(Buffer.alloc(10 * MIB));
    expect(bomb.length).toBeLessThan(20_000);
    await expect(readBodyBytes(post(bomb, gzip), 10 * MIB)).rejects.toMatchObject({
      code: 'payload_too_large',
      message: 'The body must not unfold to more than 100 times its size in gzip.',
    });
    expect(await readBodyBytes(post(gzipSync(Buffer.alloc(MIB)), gzip), 10 * MIB)).toHaveLength(MIB);
    const telemetry = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `{"span": ${i * 7919}}`).join('\n'));
    expect(await readBodyBytes(post(gzipSync(telemetry), gzip), 10 * MIB)).toHaveLength(telemetry.length);
  });
});

it('a media type is told whatever its case and parameters', () => {
  for (const given of [
    'application/json',
    'Application/JSON',
    ' application/json ; charset=utf-8',
    'APPLICATION/JSON;',
  ]) {
    expect(mediaType(given)).toBe('application/json');
  }
  for (const given of [null, undefined, '', ';charset=utf-8']) expect(mediaType(given)).toBe('');
  expect(mediaType('application/json5')).toBe('application/json5');
});
