import type { FieldProblem } from '../../platform/errors.ts';

/**
 * Adds a problem when a text is empty, longer than `max`, or holds what PostgreSQL cannot store (NUL, half of a
 * surrogate pair): such a text would fail the whole transaction that other callers' events share.
 */
export function checkText(problems: FieldProblem[], path: string, text: string, max: number): void {
  if (text.length === 0) problems.push({ path, message: 'must not be empty' });
  else if (text.length > max) problems.push({ path, message: `must have at most ${max} characters` });
  else if (!isStorableText(text)) problems.push({ path, message: 'must not hold NUL or unpaired surrogates' });
}

/** Letter by letter, which is cheaper than to ask the engine twice, of short texts. */
const SHORT_TEXT = 64;
const FIRST_SURROGATE = 0xd800;

/** Whether PostgreSQL can store the text. */
export function isStorableText(text: string): boolean {
  if (text.length <= SHORT_TEXT) {
    let at = 0;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 0 || code >= FIRST_SURROGATE) break;
    }
    if (at === text.length) return true;
  }
  return !text.includes('\0') && text.isWellFormed();
}
