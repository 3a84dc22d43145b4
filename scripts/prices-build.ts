// `npm run prices:build`: makes prices/catalog.json, which the server imports, from the sources and
// prices/corrections.json.
import { writeFile } from 'node:fs/promises';
import { writeCatalogFile } from '../src/domain/pricing/catalog/catalog-file.ts';
import { combineSources } from '../src/domain/pricing/catalog/combine-sources.ts';
import { loadCorrections, loadGenaiPackage, loadLitellmFile } from '../src/domain/pricing/catalog/load-sources.ts';
import { CATALOG_FILE } from '../src/domain/pricing/catalog/read-catalog.ts';

const [genai, litellm, corrections] = await Promise.all([loadGenaiPackage(), loadLitellmFile(), loadCorrections()]);
const catalog = combineSources({ genai, litellm, corrections });
const text = writeCatalogFile(catalog);
await writeFile(CATALOG_FILE, text);
console.log(`${catalog.version}: ${catalog.prices.length} prices, ${Math.round(text.length / 1024)} KiB`);
