import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../price/catalog.ts';
import { readCatalogFile } from './catalog-file.ts';

export type { Catalog, CatalogProvider } from '../price/catalog.ts';
export { SHIPPED_AT_MS } from './sources.ts';

/** What `npm run prices:build` makes of the sources. */
export const CATALOG_FILE = join(import.meta.dirname, '../../../../prices/catalog.json');

const VERSION = /^\{"version":("[^"]+")/;

/**
 * The version of the prices that Meterr ships, from the first line of their file: most starts need no
 * more of it.
 */
export async function readShippedVersion(): Promise<string> {
  const text = await readFile(CATALOG_FILE, 'utf8');
  const version = VERSION.exec(text)?.[1];
  if (version === undefined) throw new Error(`${CATALOG_FILE} does not begin with its version`);
  return JSON.parse(version);
}

/**
 * Reads the prices that Meterr ships, `prices/catalog.json`. The same file always gives the same
 * result, ids included.
 */
export async function readCatalog(): Promise<Catalog> {
  return readCatalogFile(await readFile(CATALOG_FILE, 'utf8'));
}
