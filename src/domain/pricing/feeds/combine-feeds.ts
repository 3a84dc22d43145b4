import { createPriceBook } from '../book/price-book.ts';
import { combineSources } from '../catalog/combine-sources.ts';
import { loadCorrections, loadGenaiPackage, loadLitellmFile } from '../catalog/load-sources.ts';
import type { SourceData } from '../catalog/sheets/source-data.ts';
import type { Catalog } from '../price/catalog.ts';

/**
 * One catalog of what the sources say, and of our corrections. In the place of a source that was
 * never read stands the copy of it that Meterr ships.
 * @throws Error where they do not fit together
 */
export async function combineFeeds(feeds: readonly SourceData[], atMs: number): Promise<Catalog> {
  const find = (name: SourceData['name']) => feeds.find((one) => one.name === name);
  const genai = find('genai-prices') ?? (await loadGenaiPackage());
  const litellm = find('litellm') ?? (await loadLitellmFile());
  const catalog = combineSources({ genai, litellm, corrections: await loadCorrections(), atMs });
  // Compiles every rule and price: what no book can hold would stop the next start.
  createPriceBook(catalog);
  return catalog;
}
