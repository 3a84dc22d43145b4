import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const DOCS = join(import.meta.dirname, '../../docs');
/** The name of the file stands after the language. */
const FENCE = /^```\w+ (\S+)\n([\s\S]*?)^```$/gm;

/** The files that a document shows, by their names. */
export async function readSnippets(document: string): Promise<Map<string, string>> {
  const text = await readFile(join(DOCS, document), 'utf8');
  return new Map([...text.matchAll(FENCE)].map(([, name = '', content = '']) => [name, content]));
}
