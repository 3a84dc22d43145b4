/**
 * PostgreSQL array literals for `unnest`, written by hand: the driver's own serialiser is several times slower, and
 * this is the hot path.
 */
const NEEDS_ESCAPE = /["\\]/;
const ESCAPE = /["\\]/g;

/** `{1,2,NULL}`: for numbers, UUIDs, decimals and times, whose texts never need quotes. */
export function plainArray(values: readonly (string | number | bigint | null)[]): string {
  let text = '{';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ',';
    text += values[i] ?? 'NULL';
  }
  return `${text}}`;
}

/** `{"a","b \"c\"",NULL}`: for any text. */
export function textArray(values: readonly (string | null)[]): string {
  let text = '{';
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (i > 0) text += ',';
    if (value === null || value === undefined) text += 'NULL';
    else text += `"${NEEDS_ESCAPE.test(value) ? value.replace(ESCAPE, '\\$&') : value}"`;
  }
  return `${text}}`;
}
