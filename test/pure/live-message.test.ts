import { expect, it } from 'vitest';
import { isPlainId, LiveMessage } from '../../src/graphql/live/live-message.ts';

/** Reads one unmasked frame, by RFC 6455 section 5.2, and what is left. */
function readFrame(bytes: Buffer): { first: number; text: string; rest: Buffer } {
  const short = (bytes[1] as number) & 0x7f;
  const [length, from] =
    short < 126 ? [short, 2] : short === 126 ? [bytes.readUInt16BE(2), 4] : [Number(bytes.readBigUInt64BE(2)), 10];
  expect((bytes[1] as number) & 0x80).toBe(0);
  return {
    first: bytes[0] as number,
    text: bytes.toString('utf8', from, from + length),
    rest: bytes.subarray(from + length),
  };
}

it.each([0, 1, 30, 60, 61, 62, 63, 64, 65, 66, 70, 300, 65_460, 65_480, 65_490, 65_500, 65_536, 200_000])(
  'a frame with %i characters of data is one whole text frame, equal to the message as text',
  (length) => {
    for (const id of ['', '1', crypto.randomUUID(), 'x'.repeat(90)]) {
      for (const letter of ['a', 'ü', '😀']) {
        const message = new LiveMessage(JSON.stringify({ data: { text: letter.repeat(length) } }));
        for (const one of [id, [...id].reverse().join('')]) {
          const { first, text, rest } = readFrame(message.frame(one));
          expect(first).toBe(0x81);
          expect(text).toBe(message.text(one));
          expect(rest).toHaveLength(0);
        }
        const { id: told, type, payload } = JSON.parse(message.text(id));
        expect({ told, type, payload }).toEqual({ told: id, type: 'next', payload: JSON.parse(message.payload) });
      }
    }
  },
);

it('an id that JSON writes in another way never goes into a frame byte by byte', () => {
  for (const id of ['a"b', 'a\\b', 'ü', '\n', '\u007f', '😀', '\u2028']) expect(isPlainId(id)).toBe(false);
  for (let code = 0; code < 256; code++) {
    const id = String.fromCharCode(code);
    if (isPlainId(id)) expect([JSON.stringify(id), Buffer.byteLength(id)]).toEqual([`"${id}"`, 1]);
  }
});
