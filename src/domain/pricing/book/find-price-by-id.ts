import type { Sql } from '../../../platform/postgres/database.ts';
import type { Price } from '../price/price.ts';
import { discountPrice, findDiscounted } from './discount-price.ts';
import type { PriceBook } from './price-book.ts';
import { NO_ENTRY_COLUMNS, PRICE_COLUMNS, type PriceRow, readPrice, wherePrices } from './price-row.ts';

/** By catalog, which a newer one may replace in the book. */
const indexes = new WeakMap<PriceBook['catalog'], Map<string, Price>>();

function indexOf(book: PriceBook): Map<string, Price> {
  let index = indexes.get(book.catalog);
  if (!index) {
    index = new Map();
    for (const { models } of book.catalog.values()) {
      for (const { prices } of models) for (const price of prices) index.set(price.id, price);
    }
    indexes.set(book.catalog, index);
  }
  return index;
}

/** What an event was charged by. */
export interface ChargedBy {
  /** UUID of the price. */
  priceId: string;
  /** UUID of the catalog's sheet, where the price is a discount on it. */
  discountOf: string | null;
}

/** What an organization's event was charged by, where it is in the book: the database is not asked. */
export function peekCharged(book: PriceBook, organizationId: string, charged: ChargedBy): Price | undefined {
  const { priceId, discountOf } = charged;
  const index = indexOf(book);
  if (discountOf === null) return index.get(priceId) ?? book.overrides.get(organizationId)?.byId.get(priceId);
  const list = book.overrides.get(organizationId);
  const [own, sheet] = [list?.byId.get(priceId), index.get(discountOf)];
  return list && own && sheet && findDiscounted(list.discounted, own, sheet);
}

/** The same, however old: from the book, else from the table. Null where the organization has no such price. */
export async function findCharged(
  sql: Sql,
  book: PriceBook,
  organizationId: string,
  charged: ChargedBy,
): Promise<Price | null> {
  const known = peekCharged(book, organizationId, charged);
  if (known) return known;
  const price = await findPriceById(sql, book, organizationId, charged.priceId);
  if (price === null || charged.discountOf === null) return price;
  const sheet = await findPriceById(sql, book, organizationId, charged.discountOf);
  return sheet && discountPrice(price, sheet);
}

/**
 * A price, however old: the catalog's from the book, all others from the table, where no price is ever
 * removed. Null when the id is unknown to the organization.
 */
export async function findPriceById(
  sql: Sql,
  book: PriceBook,
  organizationId: string,
  id: string,
): Promise<Price | null> {
  const known = indexOf(book).get(id);
  if (known) return known;
  const { text, values } = wherePrices(organizationId).and('p.id = $?', id);
  const { rows } = await sql.query<PriceRow>(
    `SELECT ${PRICE_COLUMNS}, ${NO_ENTRY_COLUMNS}, 0 AS ordinal FROM prices p WHERE ${text}`,
    values,
  );
  if (!rows[0]) return null;
  const price = readPrice(rows[0]);
  if (price.organizationId === null) indexOf(book).set(id, price);
  return price;
}
