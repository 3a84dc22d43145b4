import { expect, it } from 'vitest';
import { createSecretBox } from '../../src/platform/cipher.ts';

const SECRET = 'whsec_c2VjcmV0';
const KEY = 'k'.repeat(32);

it('under a key, a secret is not readable, and opens only in its place under the same key', () => {
  const closed = createSecretBox(KEY, 'a').close(SECRET, 'place');
  expect(closed.toString('latin1')).not.toContain('whsec_');
  expect(createSecretBox(KEY, 'a').open(closed, 'place')).toBe(SECRET);
  for (const box of [createSecretBox(KEY, 'b'), createSecretBox(`${KEY}x`, 'a'), createSecretBox(null, 'a')]) {
    expect(() => box.open(closed, 'place')).toThrow();
  }
  expect(() => createSecretBox(KEY, 'a').open(closed, 'elsewhere')).toThrow();
});

it('what was stored before there was a key can be opened after it was set', () => {
  const closed = createSecretBox(null, 'a').close(SECRET, 'place');
  expect(createSecretBox(KEY, 'a').open(closed, 'place')).toBe(SECRET);
});
