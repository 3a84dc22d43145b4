import { invalidField } from '../errors.ts';
import { hideEscapedNames, restoreNames } from './escaped-names.ts';
import { cutDeepJson } from './json-depth.ts';

const MAX_FAITHFUL_DIGITS = 15;
/**
 * So many digits and points in a row may be more than every double keeps; in a string they only
 * cost the slower way.
 */
const LONG_NUMBER = MAX_FAITHFUL_DIGITS + 1;
const WHOLE = /^-?\d+$/;
/** Fields whose values are the caller's own: never money, so their numbers stay numbers. */
const FREE_FIELDS = new Set(['metadata', 'tags']);

/** A number whose text says more than its float. */
class Digits {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** Puts something plain in the place of every `Digits` inside. */
function settle(value: unknown, plain: (source: string) => unknown): unknown {
  if (value instanceof Digits) return plain(value.source);
  if (typeof value !== 'object' || value === null) return value;
  for (const [key, inner] of Object.entries(value)) {
    const settled = settle(inner, plain);
    if (settled !== inner) Object.defineProperty(value, key, { value: settled });
  }
  return value;
}

function keepDigits(key: string, value: unknown, context?: { source: string }): unknown {
  if (FREE_FIELDS.has(key)) return settle(value, Number);
  if (typeof value !== 'number' || !context) return value;
  const { source } = context;
  const mantissa = source.split(/e/i, 1)[0] ?? '';
  if (mantissa.replace(/[-.]/g, '').length <= MAX_FAITHFUL_DIGITS) return value;
  return WHOLE.test(source) && Number.isSafeInteger(value) ? value : new Digits(source);
}

function isNumeral(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46;
}

/**
 * Whether there is a long number in the text. A long number covers one of every 16 places, so only
 * those are looked at.
 */
function hasLongNumber(text: string): boolean {
  for (let at = LONG_NUMBER - 1; at < text.length; at += LONG_NUMBER) {
    if (!isNumeral(text.charCodeAt(at))) continue;
    let start = at;
    let end = at + 1;
    while (start > 0 && isNumeral(text.charCodeAt(start - 1))) start--;
    while (end < text.length && isNumeral(text.charCodeAt(end))) end++;
    if (end - start >= LONG_NUMBER) return true;
  }
  return false;
}

/** Whether the value is an object with fields: not null, not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Far beyond what any door accepts, and far below what ends the engine's stack. */
const KEPT_LEVELS = 200;

function parseAll(text: string): unknown {
  const hidden = hideEscapedNames(text);
  return hidden ? restoreNames(parseNumbers(hidden.text), hidden.names) : parseNumbers(text);
}

function parseNumbers(text: string): unknown {
  return hasLongNumber(text) ? settle(JSON.parse(text, keepDigits), String) : JSON.parse(text);
}

/**
 * Parses JSON. A number with more digits than a float keeps becomes its own text, so that money
 * loses none (`0.123456789012345678` is `"0.123456789012345678"`) and a count is refused instead of
 * rounded; not so inside `tags` and `metadata`. What nests so deeply that reading it would end the
 * stack is cut at 200 levels, which is still too deep for the one who asks what it is.
 * @throws AppError invalid_request when it is not JSON
 */
export function parseJson(text: string): unknown {
  try {
    try {
      return parseAll(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return parseAll(cutDeepJson(text, KEPT_LEVELS));
    }
  } catch (error) {
    throw invalidField('', `The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * JSON with the keys of every object sorted: equal bodies give equal texts, whatever order they
 * were written in.
 */
export function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${stableJson(inner)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
