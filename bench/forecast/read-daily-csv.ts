import { readFile } from 'node:fs/promises';

/** A stretch of one column of a file, one value a day. */
export interface DailyStretch {
  column: string;
  days: number[];
}

/**
 * Cuts the columns of a CSV file into stretches of so many days, from the end on. The file has a header, no quotes, and
 * one row a day, the oldest first; the first column is the date. Stretches with words, gaps or negative numbers are
 * left out.
 */
export async function readDailyCsv(file: string, length: number): Promise<DailyStretch[]> {
  const [header = '', ...lines] = (await readFile(file, 'utf8')).trim().split(/\r?\n/);
  const rows = lines.map((line) => line.split(','));
  const stretches: DailyStretch[] = [];
  header.split(',').forEach((column, i) => {
    if (i === 0) return;
    const days = rows.map((row) => (row[i]?.trim() ? Number(row[i]) : Number.NaN));
    for (let end = days.length; end >= length; end -= length) {
      const stretch = days.slice(end - length, end);
      if (stretch.every((day) => day >= 0)) stretches.push({ column, days: stretch });
    }
  });
  return stretches;
}
