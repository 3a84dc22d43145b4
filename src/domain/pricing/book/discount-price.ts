import { setBounded } from '../../../platform/bounded-map.ts';
import type { Price } from '../price/price.ts';

/** Sheets after a discount that are kept of an organization: each is compiled once, at some kilobytes. */
const MAX_DISCOUNTED = 1_024;

interface Discounted {
  sheet: Price;
  price: Price;
}

/** Sheets after a discount, by the ids of both. */
export type DiscountCache = Map<string, Discounted>;

/** The catalog's sheet under an own discount: the own price's id, the sheet's units and region. */
export function discountPrice(own: Price, sheet: Price): Price {
  const { id, organizationId, ordinal, discount } = own;
  if (discount === undefined) throw new Error(`The price ${id} is not a discount`);
  const { percent } = discount;
  return { ...sheet, id, organizationId, ordinal, agreement: 'own', discount: { percent, of: sheet.id } };
}

/** The same from memory, where it was made before of this very sheet. */
export function findDiscounted(cache: DiscountCache, own: Price, sheet: Price): Price {
  const key = own.id + sheet.id;
  const known = cache.get(key);
  if (known?.sheet === sheet) return known.price;
  const price = discountPrice(own, sheet);
  setBounded(cache, key, { sheet, price }, MAX_DISCOUNTED);
  return price;
}
