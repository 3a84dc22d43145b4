import type pg from 'pg';
import { readMigrations } from '../migrate/schema-engine.ts';

/** A table of Meterr, and the columns of it that are stored. */
export interface BackedUpTable {
  name: string;
  columns: string[];
}

const TABLES = `
  SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r' AND c.relname::text = ANY($1)
     AND a.attgenerated = ''
   GROUP BY 1 ORDER BY 1`;
const REFERENCES = `
  SELECT c.relname::text AS name, f.relname::text AS refers_to
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
   WHERE k.contype = 'f' AND c.relnamespace = quote_ident(current_schema())::regnamespace AND k.conrelid <> k.confrelid`;
const SEQUENCES = `
  SELECT s.relname::text AS name
    FROM pg_class s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
    JOIN pg_class t ON t.oid = d.refobjid
   WHERE s.relkind = 'S' AND t.relnamespace = quote_ident(current_schema())::regnamespace AND t.relname::text = ANY($1)
   ORDER BY 1`;

async function readScripts(migrations: readonly string[]): Promise<string> {
  const { migrationDirectories } = await readMigrations();
  const scripts = migrationDirectories.flatMap(({ path, migrationFile: { content } }) =>
    migrations.includes(path) && content.tag === 'ok' ? [content.value] : [],
  );
  return scripts.join('\n');
}

function namesIn(scripts: string, pattern: RegExp): string[] {
  return [...new Set([...scripts.matchAll(pattern)].map(([, name = '']) => name))];
}

/** The tables that these migrations give rows to: such rows are no sign of a database in use. */
export async function listSeededTables(migrations: readonly string[]): Promise<string[]> {
  return namesIn(await readScripts(migrations), /^INSERT INTO "(\w+)"/gm);
}

/**
 * The tables that these migrations made and that are there, in an order in which they can be filled: none
 * before one that it refers to. What else is in the schema is not Meterr's.
 */
export async function listTables(client: pg.Client, migrations: readonly string[]): Promise<BackedUpTable[]> {
  const ours = namesIn(await readScripts(migrations), /^(?:CREATE TABLE|ALTER TABLE \S+ RENAME TO) "(\w+)"/gm);
  const { rows: tables } = await client.query<BackedUpTable>(TABLES, [ours]);
  const { rows: references } = await client.query<{ name: string; refers_to: string }>(REFERENCES);
  const ordered: BackedUpTable[] = [];
  const left = new Map(tables.map((table) => [table.name, table]));
  while (left.size > 0) {
    const free = [...left.values()].filter(
      ({ name }) => !references.some((one) => one.name === name && left.has(one.refers_to)),
    );
    if (free.length === 0) throw new Error(`tables refer to each other: ${[...left.keys()].join(', ')}`);
    for (const table of free) {
      ordered.push(table);
      left.delete(table.name);
    }
  }
  return ordered;
}

/** The sequences that belong to columns of these tables. */
export async function listSequences(client: pg.Client, tables: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(SEQUENCES, [tables]);
  return rows.map(({ name }) => name);
}

/** An identifier as SQL has it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** What `COPY` takes: the table and its columns. */
export function copyTarget({ name, columns }: BackedUpTable): string {
  return `${quoted(name)} (${columns.map(quoted).join(', ')})`;
}
