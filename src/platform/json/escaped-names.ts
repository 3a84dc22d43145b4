const QUOTE = 34;
const BACKSLASH = 92;
const COLON = 58;

/** JSON text whose escaped property names are replaced, and what each replacement stands for. */
export interface HiddenNames {
  text: string;
  names: ReadonlyMap<string, string>;
}

function endOfString(text: string, start: number): { end: number; isEscaped: boolean } {
  let isEscaped = false;
  let at = start + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) {
      isEscaped = true;
      at++;
    }
  }
  return { end: at + 1, isEscaped };
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (' \n\r\t'.includes(text.charAt(at)) && at < text.length) at++;
  return at;
}

/**
 * Letters of the private use area that the text does not contain, so that no other name begins with
 * them.
 */
function unusedPrefix(text: string): string {
  let prefix = '\uE000';
  while (text.includes(prefix)) prefix += '\uE000';
  return prefix;
}

/**
 * Replaces property names that have an escape in them (`"\n"`) by names that have none. V8 may read
 * such a name as another one that it parsed before (`"\\"`; nodejs/node#63785, V8 12.8 to 14.6), so
 * that one request changes what the next one says. One pass over the text, only where it has a
 * backslash.
 * @returns null where no name has an escape
 */
export function hideEscapedNames(text: string): HiddenNames | null {
  if (!text.includes('\\')) return null;
  const names = new Map<string, string>();
  const pieces: string[] = [];
  let prefix = '';
  let done = 0;
  for (let at = text.indexOf('"'); at >= 0; ) {
    const { end, isEscaped } = endOfString(text, at);
    if (isEscaped && text.charCodeAt(skipSpace(text, end)) === COLON) {
      if (prefix === '') prefix = unusedPrefix(text);
      const replacement = `${prefix}${names.size}`;
      names.set(replacement, JSON.parse(text.slice(at, end)) as string);
      pieces.push(text.slice(done, at), JSON.stringify(replacement));
      done = end;
    }
    at = text.indexOf('"', end);
  }
  return names.size === 0 ? null : { text: pieces.join('') + text.slice(done), names };
}

/**
 * Puts the names back, in place of their replacements, at every depth. A later one of the same name
 * wins.
 */
export function restoreNames(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => restoreNames(item, names));
  if (typeof value !== 'object' || value === null) return value;
  const restored = {};
  for (const [name, inner] of Object.entries(value)) {
    Object.defineProperty(restored, names.get(name) ?? name, {
      value: restoreNames(inner, names),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return restored;
}

/** `JSON.parse`, with every property name as it is written. @throws SyntaxError */
export function parseExactNames(text: string): unknown {
  const hidden = hideEscapedNames(text);
  return hidden ? restoreNames(JSON.parse(hidden.text), hidden.names) : JSON.parse(text);
}
