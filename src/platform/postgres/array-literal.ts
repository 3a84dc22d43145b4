/**
 * `{1,2,NULL}`: a PostgreSQL array literal for `unnest`, of numbers, UUIDs, decimals and times,
 * whose strings never need quotes. Written by hand: the driver's own serialiser is several times
 * slower, and this is the hot path. Strings of any kind go as `textArray` of binary-array.ts.
 */
export function plainArray(values: readonly (string | number | bigint | null)[]): string {
  let text = '{';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ',';
    text += values[i] ?? 'NULL';
  }
  return `${text}}`;
}
