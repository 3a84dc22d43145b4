/** Text from the API without what a terminal would obey: names are whatever somebody chose. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\uFFFD');
}

/** One column of a table: its heading, and its text for a row. */
export type Column<Row> = readonly [heading: string, textOf: (row: Row) => string | number | null | undefined];

function cell<Row>([, textOf]: Column<Row>, row: Row): string {
  const value = textOf(row);
  return value === null || value === undefined || value === '' ? '-' : printable(String(value));
}

function line(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((text, at) => text.padEnd(widths[at] ?? 0))
    .join('  ')
    .trimEnd();
}

/** Rows under their headings, each column as wide as its widest text. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const headings = columns.map(([heading]) => heading.toUpperCase());
  const lines = [headings, ...rows.map((row) => columns.map((column) => cell(column, row)))];
  const widths = headings.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  return lines.map((cells) => line(cells, widths)).join('\n');
}

/** One thing, a line for each of its columns. */
export function formatThing<Row>(columns: readonly Column<Row>[], row: Row): string {
  const width = Math.max(...columns.map(([heading]) => heading.length));
  return columns.map((column) => `${column[0].padEnd(width)}  ${cell(column, row)}`).join('\n');
}

/** `2026-11-22T10:00:00.000Z` as `2026-11-22 10:00:00Z`: UTC, to the second. */
export function formatTime(time: string | null | undefined): string | null {
  return time ? time.replace('T', ' ').replace(/\.\d+Z$/, 'Z') : null;
}
