import { combineSources } from '../../../src/domain/pricing/catalog/combine-sources.ts';
import { loadGenaiPackage } from '../../../src/domain/pricing/catalog/load-sources.ts';
import type { SourceData } from '../../../src/domain/pricing/catalog/sheets/source-data.ts';

const nothing: SourceData = { name: 'litellm', version: '0', providers: [], models: [], rounded: [] };

/** The prices of genai-prices alone, for tests that hold us to it. */
export const genaiCatalog = combineSources({ genai: await loadGenaiPackage(), litellm: nothing, corrections: [] });
