import type pg from 'pg';

/** Made by the sort of each index; PostgreSQL's default of 64 MB would write more of it to the disk. */
const SORT_MEMORY = '256MB';

// An index that a foreign key needs is left: its table is small.
const INDEXES = `
  SELECT CASE WHEN k.oid IS NULL THEN format('DROP INDEX %I', i.relname)
              ELSE format('ALTER TABLE %I DROP CONSTRAINT %I', c.relname, k.conname) END AS remove,
         CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.oid)
              ELSE format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname, pg_get_constraintdef(k.oid)) END AS make
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')
   WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname::text = ANY($1)
     AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.oid)
   ORDER BY c.relname, i.relname`;

/**
 * Fills tables without their indexes, which are made again, by their own definitions, when `work` is done: a sort
 * is much faster than the insertion of each row into an index that does not fit into memory. In one transaction with
 * the caller's.
 */
export async function withoutIndexes(
  client: pg.Client,
  tables: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  const { rows } = await client.query<{ remove: string; make: string }>(INDEXES, [tables]);
  for (const { remove } of rows) await client.query(remove);
  await work();
  await client.query("SELECT set_config('maintenance_work_mem', $1, true)", [SORT_MEMORY]);
  for (const { make } of rows) await client.query(make);
}
