/** A part of a quantity at one price: `quantity` x `unitPrice` is its cost, to the last digit. */
export interface ExactPart {
  quantity: bigint;
  unitPrice: bigint;
}

/**
 * Writes a cost as quantities at prices of at most 18 places. A price that is no whole number of 10^-18
 * for one unit, such as that of a second at so much an hour, gives amounts that are rounded, and a
 * sum of them is no product. Then the part that the division leaves over pays 10^-18 more for each
 * unit. So quantities and costs both add up, and each part is a product.
 * @param amount not negative, as a whole number of 10^-18
 * @param quantity above 0
 * @returns one part, or two
 */
export function splitCharge(amount: bigint, quantity: bigint): ExactPart[] {
  const unitPrice = amount / quantity;
  const left = amount % quantity;
  if (left === 0n) return [{ quantity, unitPrice }];
  return [
    { quantity: quantity - left, unitPrice },
    { quantity: left, unitPrice: unitPrice + 1n },
  ];
}
