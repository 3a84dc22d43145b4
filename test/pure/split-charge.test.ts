import fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitCharge } from '../../src/domain/costs/focus/split-charge.ts';

it('quantities and costs add up exactly, each part is a product, and prices differ by one digit at most', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 30n });
  const quantity = fc.bigInt({ min: 1n, max: 10n ** 16n });
  fc.assert(
    fc.property(amount, quantity, (cost, count) => {
      const parts = splitCharge(cost, count);
      expect(parts.reduce((sum, part) => sum + part.quantity, 0n)).toBe(count);
      expect(parts.reduce((sum, part) => sum + part.quantity * part.unitPrice, 0n)).toBe(cost);
      expect(parts.every((part) => part.quantity > 0n && part.unitPrice >= 0n)).toBe(true);
      const [first, second] = parts;
      expect(second === undefined || second.unitPrice === (first?.unitPrice ?? 0n) + 1n).toBe(true);
      expect(parts.length).toBe(cost % count === 0n ? 1 : 2);
    }),
  );
});
