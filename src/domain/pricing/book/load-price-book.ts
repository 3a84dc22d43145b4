import type { Sql } from '../../../platform/postgres/database.ts';
import type { CatalogProvider } from '../price/catalog.ts';
import type { Price } from '../price/price.ts';
import { loadOwnPrices } from './load-own-prices.ts';
import { createOwnCache, createPriceBook, type PriceBook, setOverrides } from './price-book.ts';
import { ENTRY_COLUMNS, PRICE_COLUMNS, type PriceRow, readPrice } from './price-row.ts';

/** The catalog in force. */
export interface StoredCatalog {
  version: string;
  importedAtMs: number;
  providers: CatalogProvider[];
  prices: Price[];
}

interface Version {
  version: string;
  imported_at: Date;
}

/** How often the catalog is looked for when it is replaced in the middle of the look. */
const MAX_TRIES = 5;

/** Which version of the catalog is in force; null when none was ever imported. */
export async function readCatalogVersion(sql: Sql): Promise<string | null> {
  const text = 'SELECT version, imported_at FROM catalog_versions ORDER BY imported_at DESC LIMIT 1';
  const { rows } = await sql.query<Version>(text);
  return rows[0]?.version ?? null;
}

/**
 * The catalog version imported last.
 * @throws Error when no catalog was ever imported
 */
export async function loadCatalog(sql: Sql): Promise<StoredCatalog> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const versions = await sql.query<Version & { providers: CatalogProvider[] }>(
      'SELECT version, imported_at, providers FROM catalog_versions ORDER BY imported_at DESC LIMIT 1',
    );
    const newest = versions.rows[0];
    if (!newest) break;
    const { rows } = await sql.query<PriceRow>(
      `SELECT ${PRICE_COLUMNS}, ${ENTRY_COLUMNS}, c.ordinal FROM catalog_entries c JOIN prices p ON p.id = c.price_id
        WHERE c.version = $1 ORDER BY c.ordinal`,
      [newest.version],
    );
    const { version, imported_at: importedAt, providers } = newest;
    // Without entries, an import has replaced it between the two questions.
    if (rows.length > 0) {
      return { version, importedAtMs: importedAt.getTime(), providers, prices: rows.map(readPrice) };
    }
  }
  throw new Error('no price catalog was imported');
}

/**
 * The prices in force: a catalog, and what organizations have of their own.
 * @param organizationIds only of these; null: of all
 */
export async function loadPriceBook(
  sql: Sql,
  catalog: StoredCatalog,
  organizationIds: readonly string[] | null = null,
): Promise<PriceBook> {
  const book = createPriceBook(catalog);
  for (const [id, { prices, aliases }] of await loadOwnPrices(sql, organizationIds)) {
    setOverrides(book, id, prices, aliases);
  }
  return book;
}

/**
 * Puts another catalog into a book that is in use, at once: whoever looks a price up sees the one or
 * the other. What organizations have of their own stays.
 */
export function replaceCatalog(book: PriceBook, catalog: StoredCatalog): void {
  for (const list of book.overrides.values()) list.cache = createOwnCache();
  Object.assign(book, { ...createPriceBook(catalog), overrides: book.overrides });
}
