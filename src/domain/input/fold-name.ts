const UPPER = /[A-Z]+/g;
const SPACE = 32;
const FIRST_NON_ASCII = 128;

/** Lower-cases ASCII letters only: other alphabets have no lower case that all agree on. */
export function lowerAscii(text: string): string {
  return text.replace(UPPER, (letters) => letters.toLowerCase());
}

/** Whether the name is surely folded: on false it may be all the same. */
function isPlain(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code <= SPACE || code >= FIRST_NON_ASCII || (code >= 65 && code <= 90)) return false;
  }
  return true;
}

/**
 * Returns the one form of a model's name: trimmed, ASCII letters in lower case. `GPT-4o ` is
 * `gpt-4o` in events, filters, budgets and prices. The names of providers are folded by
 * `normalizeProvider`, which begins with this. A name that is folded already costs one pass over
 * its characters.
 */
export function foldName(name: string): string {
  return isPlain(name) ? name : lowerAscii(name.trim());
}
