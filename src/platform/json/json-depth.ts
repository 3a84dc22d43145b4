const QUOTE = 34;
const BACKSLASH = 92;
const OPENING_BRACKET = 91;
const CLOSING_BRACKET = 93;
const OPENING_BRACE = 123;
const CLOSING_BRACE = 125;

/** The place after the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at >= 0) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at + 1;
    at = text.indexOf('"', at + 1);
  }
  return text.length;
}

/** Calls back with the place and the new depth of each bracket outside of strings; true ends it. */
function eachBracket(text: string, found: (at: number, depth: number, opens: boolean) => boolean): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) {
      if (found(at, ++depth, true)) return;
    } else if ((code === CLOSING_BRACE || code === CLOSING_BRACKET) && found(at, --depth, false)) return;
  }
}

/**
 * How deep JSON text nests, and how many objects and lists it has, without parsing it. Looks no
 * further than `maxValues` of them.
 */
export function measureJson(text: string, maxValues: number): { depth: number; values: number } {
  let most = 0;
  let values = 0;
  eachBracket(text, (_, depth, opens) => {
    if (opens) values++;
    if (depth > most) most = depth;
    return values > maxValues;
  });
  return { depth: most, values };
}

/** The same text, cut where it nests too deeply: at two levels `[1, [2, [3]]]` is `[1, []]`. */
export function cutDeepJson(text: string, levels: number): string {
  const pieces: string[] = [];
  let from = 0;
  eachBracket(text, (at, depth, opens) => {
    if (opens && depth === levels) {
      pieces.push(text.slice(from, at + 1));
      from = text.length;
    } else if (!opens && depth === levels - 1) {
      from = at;
    }
    return false;
  });
  return pieces.join('') + text.slice(from);
}

/** Whether a parsed value has more than `levels` levels of objects and lists. */
export function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((inner) => isDeeper(inner, levels - 1));
  for (const key in value) if (isDeeper(Reflect.get(value, key), levels - 1)) return true;
  return false;
}
