import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { join } from 'node:path';
import { type Correction, readCorrections } from './read-corrections.ts';
import { readGenaiSource } from './read-genai.ts';
import { type LitellmSource, readLitellmSource } from './read-litellm.ts';
import type { SourceData } from './sheets/source-data.ts';

const PACKAGE = '@pydantic/genai-prices';
/** What Meterr ships: the other source, and the lines over both. */
export const PRICES_FOLDER = join(import.meta.dirname, '../../../../prices');

/** The prices bundled with the npm package genai-prices. */
export async function loadGenaiPackage(): Promise<SourceData> {
  const manifest = findPackageJSON(PACKAGE, import.meta.url);
  if (manifest === undefined) throw new Error(`${PACKAGE} is not installed`);
  const { version }: { version: string } = JSON.parse(await readFile(manifest, 'utf8'));
  // The package has no function that lists all prices. This returns the data in use, which is the
  // bundled data because nobody calls `updatePrices`. Imported here: a server does not need it.
  const { waitForUpdate } = await import('@pydantic/genai-prices');
  return readGenaiSource((await waitForUpdate()) ?? [], version);
}

/** The copy of LiteLLM's map that Meterr ships. */
export async function loadLitellmFile(): Promise<LitellmSource> {
  const versions: { litellm: { version: string } } = JSON.parse(
    await readFile(join(PRICES_FOLDER, 'sources/versions.json'), 'utf8'),
  );
  return readLitellmSource(
    await readFile(join(PRICES_FOLDER, 'sources/litellm.json'), 'utf8'),
    versions.litellm.version,
  );
}

/** `prices/corrections.json`. */
export async function loadCorrections(): Promise<Correction[]> {
  return readCorrections(JSON.parse(await readFile(join(PRICES_FOLDER, 'corrections.json'), 'utf8')));
}
