import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addExact, type SumCount } from '../../src/domain/usage/write/roll-up-rows.ts';

const MOST = Number.MAX_SAFE_INTEGER;
const anyCount = fc.oneof(
  fc.integer({ min: MOST - 3, max: MOST }),
  fc.integer({ min: -MOST, max: 3 - MOST }),
  fc.integer({ min: -5, max: 5 }),
  fc.maxSafeInteger(),
);

it('counts add up to the last digit, also where a sum goes beyond 2^53-1 and comes back', () => {
  fc.assert(
    fc.property(fc.array(anyCount, { maxLength: 12 }), (counts) => {
      const sum = counts.reduce<SumCount>((total, count) => addExact(total, count), 0);
      expect(BigInt(sum)).toBe(counts.reduce((total, count) => total + BigInt(count), 0n));
    }),
    { examples: [[[MOST, 2, -1, -1]]] },
  );
});
