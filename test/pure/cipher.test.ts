import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deriveKeys, hmac, seal, unseal } from '../../src/platform/cipher.ts';

const { encryption, authentication } = deriveKeys('the secret of a server', 'of these tests');
const text = fc.string({ unit: 'grapheme' });

it('what is sealed is opened as it was, with the same key and the same subject', () => {
  fc.assert(
    fc.property(text, text, (secret, about) => {
      expect(unseal(encryption, seal(encryption, secret, about), about)).toBe(secret);
    }),
  );
});

it('what is sealed is not opened with another key, or under another subject', () => {
  const other = deriveKeys('the secret of a server', 'of other tests').encryption;
  fc.assert(
    fc.property(text, text, text, (secret, about, elsewhere) => {
      fc.pre(about !== elsewhere);
      const sealed = seal(encryption, secret, about);
      expect(() => unseal(other, sealed, about)).toThrow();
      expect(() => unseal(encryption, sealed, elsewhere)).toThrow();
    }),
  );
});

it('what is sealed is not opened once a bit of it has changed, or a byte is missing', () => {
  fc.assert(
    fc.property(text, fc.nat(), fc.integer({ min: 0, max: 7 }), (secret, place, bit) => {
      const sealed = seal(encryption, secret, 'about');
      const changed = Buffer.from(sealed);
      const at = place % sealed.length;
      changed.writeUInt8(sealed.readUInt8(at) ^ (1 << bit), at);
      expect(() => unseal(encryption, changed, 'about')).toThrow();
      expect(() => unseal(encryption, sealed.subarray(0, sealed.length - 1), 'about')).toThrow();
    }),
  );
});

it('the same text is never sealed into the same bytes twice', () => {
  const sealed = Array.from({ length: 100 }, () => seal(encryption, 'the same', 'about').toString('hex'));
  expect(new Set(sealed).size).toBe(100);
});

it('keys are the same for one secret and purpose, and share nothing with those of another', () => {
  const keys = (secret: string, purpose: string) =>
    Object.values(deriveKeys(secret, purpose)).map((key: Buffer) => key.toString('hex'));
  expect(keys('secret', 'a')).toEqual(keys('secret', 'a'));
  const all = [...keys('secret', 'a'), ...keys('secret', 'b'), ...keys('Secret', 'a')];
  expect(new Set(all).size).toBe(6);
  expect(all.every((key) => key.length === 64)).toBe(true);
});

it('a text is authenticated by HMAC-SHA256, as RFC 4231 has it', () => {
  // RFC 4231, test case 2.
  expect(hmac(Buffer.from('Jefe'), 'what do ya want for nothing?').toString('hex')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
  fc.assert(
    fc.property(text, (given) => {
      expect(hmac(authentication, given)).toEqual(createHmac('sha256', authentication).update(given).digest());
    }),
  );
});
