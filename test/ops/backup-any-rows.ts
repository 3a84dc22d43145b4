import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type pg from 'pg';

// Rows of any values, for every table that there is: what the types allow, not what the server writes.

const COLUMNS = `
  SELECT c.relname::text AS table, a.attname::text AS column, a.attnotnull AS required,
         format_type(a.atttypid, CASE WHEN a.atttypid = 'numeric'::regtype THEN a.atttypmod END) AS type,
         (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid) AS labels,
         (SELECT format('(SELECT %I FROM %I ORDER BY random() LIMIT 1)', fa.attname, f.relname)
            FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
            JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = k.confkey[1]
           WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.conkey = ARRAY[a.attnum]) AS "from"
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> '_prisma_migrations'
   ORDER BY c.relname, a.attnum`;

interface Column {
  table: string;
  column: string;
  type: string;
  required: boolean;
  labels: string[] | null;
  from: string | null;
}

const TEXTS = [
  '',
  ' ',
  '\\N',
  '\\.',
  'a\tb\nc\r\nd\\e',
  '\'"{},NULL',
  'Zoë 🦉 漢字 \u200f\u0301',
  '\u0001\u007f',
  'null',
];
const TIMES = ['2026-11-28T12:34:56.789Z', '1970-01-01T00:00:00.001Z', '0044-03-15 BC', 'infinity', '-infinity'];
const NUMBERS = ['0', '-0.000000000000000001', '12345678901234567890.123456789012345678', '1.100'];
const PERCENTS = ['0', '-0.000000000000000001', '100.000000000000000000', '12.5'];
const JSONS = ['null', '{}', '[]', '"\\u2028 \\\\ \\" \\n"', '{"a":[1.10,1e300,true,null],"🦉":"\\t"}'];

const pick = <T>(list: readonly T[]) => list[randomInt(list.length)] as T;
const textOf = () => `${pick(TEXTS)}${randomBytes(6).toString('hex')}${pick(TEXTS)}`;

function anyValue(type: string): unknown {
  if (type.endsWith('[]')) {
    return Array.from({ length: randomInt(4) }, () => (randomInt(4) === 0 ? null : anyValue(type.slice(0, -2))));
  }
  if (type === 'uuid') return randomUUID();
  if (type === 'text' || type === 'character varying') return textOf();
  if (type === 'boolean') return randomInt(2) === 0;
  if (type === 'smallint') return randomInt(-32_768, 32_768);
  if (type === 'integer') return randomInt(-2_147_483_648, 2_147_483_647);
  if (type === 'bigint') return String(randomBytes(8).readBigInt64BE());
  if (type === 'numeric(21,18)') return pick(PERCENTS);
  if (type.startsWith('numeric')) return pick(NUMBERS);
  if (type === 'bytea') return randomBytes(randomInt(300));
  if (type === 'timestamp with time zone') return pick(TIMES);
  if (type === 'jsonb' || type === 'json') return pick(JSONS);
  if (type === 'date') return pick(['2026-11-28', '0044-03-15 BC', 'infinity']);
  if (type === 'double precision' || type === 'real') return Math.random() - 0.5;
  throw new Error(`a value of ${type} is needed`);
}

/** Inserts so many rows into each of these tables, in their order. Triggers do not run. */
export async function insertAnyRows(client: pg.Client, tables: readonly string[], count: number): Promise<void> {
  const { rows } = await client.query<Column>(COLUMNS);
  const byTable = Map.groupBy(rows, ({ table }) => table);
  await client.query("SET session_replication_role = 'replica'");
  for (const table of tables) {
    const columns = byTable.get(table) ?? [];
    for (let row = 0; row < count; row++) {
      const values: unknown[] = [];
      const places = columns.map(({ type, required, labels, from }) => {
        if (!required && randomInt(4) === 0) return 'NULL';
        if (from) return from;
        values.push(labels ? pick(labels) : anyValue(type));
        return `$${values.length}`;
      });
      const names = columns.map(({ column }) => `"${column}"`);
      await client.query(`INSERT INTO "${table}" (${names.join(', ')}) VALUES (${places.join(', ')})`, values);
    }
  }
  await client.query("SET session_replication_role = 'origin'");
}

/** Everything in these tables and their sequences, as text. */
export async function readEverything(client: pg.Client, tables: readonly string[]): Promise<Record<string, unknown>> {
  const everything: Record<string, unknown> = {};
  for (const table of tables) {
    const { rows } = await client.query({ text: `SELECT t::text FROM "${table}" t ORDER BY 1`, rowMode: 'array' });
    everything[table] = rows.flat();
  }
  const { rows } = await client.query(
    `SELECT sequencename, last_value::text FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1`,
  );
  return { ...everything, sequences: rows };
}
