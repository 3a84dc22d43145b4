import type { Sql } from '../../../platform/postgres/database.ts';
import type { Price } from '../price/price.ts';
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

/** A price that is in the book, without asking the database. */
export function peekPrice(book: PriceBook, id: string): Price | undefined {
  return indexOf(book).get(id);
}

/**
 * The price that an event was charged by, however old: from the book in force, else from the table,
 * where no price is ever removed. Null when the id is unknown to the organization.
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
