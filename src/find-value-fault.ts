/**
 * What a reader of `.env` files left on a value that is never part of it, as the end of a sentence
 * that begins with the variable's name; null: nothing.
 */
export function findValueFault(value: string): string | null {
  if (/[\r\n]$/.test(value)) return 'ends with a line break: save its file with Unix line ends (LF).';
  if (value !== value.trim()) return 'begins or ends with a space: remove it.';
  if (/^(["'`]).*\1$/s.test(value)) return 'has quotes around its value that nothing takes away: remove them.';
  return null;
}
