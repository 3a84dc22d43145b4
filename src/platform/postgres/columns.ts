import { plainDecimal } from '../money.ts';
import type { Sql } from './database.ts';

/** Each field's column; a field that has fields has a map of its own. */
export type ColumnMap<T> = { readonly [K in keyof T]-?: string | ColumnMap<NonNullable<T[K]>> };

/** The way of a noun that is kept by SQL into its table and out of it. */
export interface Columns<T> {
  /** A row of the table (`SELECT *`, perhaps with other columns, or `to_jsonb`) as the noun. */
  read(row: object): T;
  /** Writes a row. @returns what is stored */
  insert(sql: Sql, noun: T): Promise<T>;
  /**
   * Changes the row with the values of `key`, and of it the given fields only. @returns what is
   * stored
   */
  update(sql: Sql, key: Partial<T>, changes: Partial<T>): Promise<T>;
}

type Fields = Record<string, unknown>;
type AnyMap = { readonly [field: string]: string | AnyMap };

/** The columns of the fields that are given, and their values. */
function pairsOf(map: AnyMap, given: object): [column: string, value: unknown][] {
  const values = new Map<string, unknown>(Object.entries(given));
  return Object.entries(map).flatMap(([field, column]): [string, unknown][] => {
    if (!values.has(field)) return [];
    return typeof column === 'string' ? [[column, values.get(field)]] : pairsOf(column, Object(values.get(field)));
  });
}

function columnsIn(map: AnyMap): string[] {
  return Object.values(map).flatMap((column) => (typeof column === 'string' ? [column] : columnsIn(column)));
}

interface Kinds {
  decimals: ReadonlySet<string>;
  times: ReadonlySet<string>;
}

function readColumn(value: unknown, isDecimal: boolean): unknown {
  if (typeof value !== 'string') return isDecimal ? null : value;
  return isDecimal ? plainDecimal(value) : new Date(value);
}

function readerOf(map: AnyMap, kinds: Kinds): (row: Fields) => Fields {
  const readers = Object.entries(map).map(([field, column]): [string, (row: Fields) => unknown] => {
    if (typeof column !== 'string') return [field, readerOf(column, kinds)];
    const isDecimal = kinds.decimals.has(field);
    if (!isDecimal && !kinds.times.has(field)) return [field, (row) => row[column]];
    return [field, (row) => readColumn(row[column], isDecimal)];
  });
  // An object that is filled field by field becomes a dictionary, which costs all who read it
  // later; a copy of what JSON.parse made does not.
  const blank: Fields = JSON.parse(JSON.stringify(Object.fromEntries(readers.map(([field]) => [field, null]))));
  return (row) => {
    const noun = { ...blank };
    for (const [field, read] of readers) noun[field] = read(row);
    return noun;
  };
}

/**
 * The columns of a noun, written once for reading and writing.
 * @param decimals fields of NUMERIC columns: read as the plain decimals that the API has
 * @param times fields of TIMESTAMPTZ columns, which are strings in JSON
 */
export function columnsOf<T extends object>(
  table: string,
  map: ColumnMap<T>,
  decimals: readonly (keyof T & string)[] = [],
  times: readonly (keyof T & string)[] = [],
): Columns<T> {
  const columns: AnyMap = { ...map };
  const reader = readerOf(columns, { decimals: new Set(decimals), times: new Set(times) });
  const read = (row: object) => reader({ ...row }) as T;
  const names = columnsIn(columns);
  const insertion = `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')})
    RETURNING *`;

  async function run(sql: Sql, text: string, values: unknown[]): Promise<T> {
    const { rows } = await sql.query<Fields>(text, values);
    if (!rows[0]) throw new Error(`no row of ${table} was written`);
    return read(rows[0]);
  }

  return {
    read,
    insert: (sql, noun) =>
      run(
        sql,
        insertion,
        pairsOf(columns, noun).map(([, value]) => value),
      ),
    async update(sql, key, changes) {
      const [where, set] = [pairsOf(columns, key), pairsOf(columns, changes)];
      const list = (pairs: [string, unknown][], from: number, separator: string) =>
        pairs.map(([column], i) => `${column} = $${from + i}`).join(separator);
      const text = `UPDATE ${table} SET ${list(set, 1, ', ')} WHERE ${list(where, set.length + 1, ' AND ')} RETURNING *`;
      return run(
        sql,
        text,
        [...set, ...where].map(([, value]) => value),
      );
    },
  };
}
