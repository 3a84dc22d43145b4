import { readFile } from 'node:fs/promises';

const DAYS = 182;

/**
 * The numeric columns of a CSV file with one row a day and a header; dates and words are left out, and so are columns
 * below 0. Of each the last 182 days. The file has no quotes.
 */
export async function readDailyCsv(file: string): Promise<Map<string, number[]>> {
  const [header = '', ...lines] = (await readFile(file, 'utf8')).trim().split(/\r?\n/);
  const rows = lines.map((line) => line.split(','));
  const columns = new Map<string, number[]>();
  header.split(',').forEach((name, i) => {
    const days = rows.map((row) => (row[i]?.trim() ? Number(row[i]) : Number.NaN)).slice(-DAYS);
    if (days.length === DAYS && days.every((day) => day >= 0)) columns.set(name.replaceAll('"', ''), days);
  });
  return columns;
}
