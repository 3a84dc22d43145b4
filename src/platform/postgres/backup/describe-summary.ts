import type { BackupSummary } from './write-backup.ts';

/** In words: tables, rows, bytes of the file and seconds since `startedMs` of `performance.now()`. */
export function describeSummary({ tables, rows, bytes }: BackupSummary, startedMs: number): string {
  const number = (value: number) => value.toLocaleString('en-US');
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  return `${number(rows)} rows of ${tables} tables, ${number(bytes)} bytes, ${seconds} s`;
}
