import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PRISMA_FOLDER } from '../src/platform/postgres/migrate/schema-engine.ts';

/** A file of prisma/functions, which holds one function. */
export interface FunctionFile {
  /** `prisma/functions/NAME.sql`. */
  path: string;
  /** What the function must be called. */
  name: string;
  text: string;
}

/** The files of prisma/functions, sorted by name. */
export async function readFunctionFiles(): Promise<FunctionFile[]> {
  const folder = join(PRISMA_FOLDER, 'functions');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => {
      const text = (await readFile(join(folder, file), 'utf8')).trim();
      return { path: `prisma/functions/${file}`, name: basename(file, '.sql'), text };
    }),
  );
}
