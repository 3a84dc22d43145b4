import type { Sql } from '../../../platform/postgres/database.ts';
import type { CatalogProvider } from '../price/catalog.ts';
import type { Price } from '../price/price.ts';
import { createPriceBook, type PriceBook, setOverrides } from './price-book.ts';
import { ENTRY_COLUMNS, NO_ENTRY_COLUMNS, PRICE_COLUMNS, type PriceRow, readPrice } from './price-row.ts';

/**
 * The prices in force: the catalog version imported last, and every organization's overrides.
 * @throws Error when no catalog was ever imported
 */
export async function loadPriceBook(sql: Sql): Promise<PriceBook> {
  const versions = await sql.query<{ version: string; providers: CatalogProvider[] }>(
    'SELECT version, providers FROM catalog_versions ORDER BY imported_at DESC LIMIT 1',
  );
  const newest = versions.rows[0];
  if (!newest) throw new Error('no price catalog was imported');
  const catalog = await sql.query<PriceRow>(
    `SELECT ${PRICE_COLUMNS}, ${ENTRY_COLUMNS}, c.ordinal FROM catalog_entries c JOIN prices p ON p.id = c.price_id
      WHERE c.version = $1 ORDER BY c.ordinal`,
    [newest.version],
  );
  const book = createPriceBook({ providers: newest.providers, prices: catalog.rows.map(readPrice) });
  const own = await sql.query<PriceRow>(
    `SELECT ${PRICE_COLUMNS}, ${NO_ENTRY_COLUMNS}, row_number() OVER (ORDER BY p.created_at, p.id)::int AS ordinal
       FROM prices p WHERE p.organization_id IS NOT NULL`,
  );
  const overrides = new Map<string, Price[]>();
  for (const price of own.rows.map(readPrice)) {
    if (price.organizationId === null) continue;
    const list = overrides.get(price.organizationId) ?? [];
    list.push(price);
    overrides.set(price.organizationId, list);
  }
  for (const [organizationId, prices] of overrides) setOverrides(book, organizationId, prices);
  return book;
}
