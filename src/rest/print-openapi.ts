import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openApiDocument } from './app.ts';

export const OPENAPI_FILE = join(import.meta.dirname, '../../openapi.json');

/** The document as `openapi.json` holds it. */
export async function printOpenApi(): Promise<string> {
  return `${JSON.stringify(await openApiDocument(), null, 2)}\n`;
}

if (import.meta.main) await writeFile(OPENAPI_FILE, await printOpenApi());
