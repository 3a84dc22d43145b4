import { isObject } from '../../../platform/json/json.ts';
import { DETAIL_NAMES } from '../names/token-names.ts';
import type { Attributes, AttributeValue } from '../wire/otlp-span.ts';

/** A usage object is shorter than this, so a longer text is not one. */
const MAX_TEXT = 10_000;
const MAX_LEVELS = 3;
const PYTHON_DICT = "{'";
const PYTHON_WORDS: ReadonlyMap<string, string> = new Map([
  ['None', 'null'],
  ['True', 'true'],
  ['False', 'false'],
]);

/** How Python shows a dict whose keys are names; LiteLLM sends that. */
function fromPython(text: string): string {
  return text.replaceAll("'", '"').replaceAll(/\b(None|True|False)\b/g, (word) => PYTHON_WORDS.get(word) ?? word);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.startsWith(PYTHON_DICT) ? fromPython(text) : text);
  } catch {
    return undefined;
  }
}

/** The numbers in an attribute that holds a JSON object, by their names; null where it does not. */
export function readJsonNumbers(attributes: Attributes, name: string): Map<string, number> | null {
  const text = attributes.get(name);
  if (typeof text !== 'string' || text.length > MAX_TEXT) return null;
  const parsed = parse(text);
  if (parsed === undefined) return null;
  const numbers = new Map<string, number>();
  const gather = (value: unknown, path: string, level: number): void => {
    if (typeof value === 'number') numbers.set(path, value);
    if (!isObject(value) || level > MAX_LEVELS) return;
    for (const [key, inner] of Object.entries(value)) gather(inner, path === '' ? key : `${path}.${key}`, level + 1);
  };
  gather(parsed, '', 0);
  return numbers;
}

/**
 * The attributes, and those that the texts of LangSmith and LiteLLM stand for:
 * `gen_ai.usage.input_token_details.cache_read`.
 */
export function expandDetails(attributes: Attributes): Attributes {
  let expanded: Map<string, AttributeValue> | undefined;
  for (const name of [DETAIL_NAMES.input, DETAIL_NAMES.output, DETAIL_NAMES.litellm]) {
    for (const [key, value] of readJsonNumbers(attributes, name) ?? []) {
      expanded ??= new Map(attributes);
      expanded.set(`${name}.${key}`, value);
    }
  }
  return expanded ?? attributes;
}
