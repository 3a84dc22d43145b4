import type { FieldProblem } from '../../platform/errors.ts';
import { isObject } from '../../platform/json.ts';
import { checkText, isStorableText } from './check-text.ts';
import { USAGE_LIMITS } from './limits.ts';

/** An object with string values, its keys sorted. */
export type Tags = Record<string, string>;

/**
 * Tags without the names of a prototype. Not `Object.create(null)`: the engine keeps such objects
 * as dictionaries, which it writes as JSON several times more slowly.
 */
const TagSet = function TagSet() {} as unknown as new () => Tags;
TagSet.prototype = Object.create(null);

const NO_TAGS: Tags = Object.freeze(new TagSet());
/** An escape in JSON text that PostgreSQL's jsonb refuses: NUL, or half of a surrogate pair. */
const UNSTORABLE = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/** Callers mostly send the same tags in the same order: looking is cheaper than sorting. */
function sortedKeys(object: object): string[] {
  const keys = Object.keys(object);
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return keys.sort();
  return keys;
}

/** Whether nothing at all is wrong with a tag. */
function isPlainTag(key: string, value: unknown): value is string {
  return (
    typeof value === 'string' &&
    key.length > 0 &&
    key.length <= USAGE_LIMITS.tagKey &&
    value.length <= USAGE_LIMITS.tagValue &&
    isStorableText(key) &&
    isStorableText(value)
  );
}

/** Tags as an object with string values and sorted keys, so that equal tags are equal bytes. */
export function readTags(problems: FieldProblem[], raw: unknown, field = 'tags'): Tags {
  if (raw === undefined || raw === null) return NO_TAGS;
  if (!isObject(raw)) {
    problems.push({ path: field, message: 'must be an object with string values' });
    return NO_TAGS;
  }
  const keys = sortedKeys(raw);
  if (keys.length > USAGE_LIMITS.tags) {
    problems.push({ path: field, message: `must have at most ${USAGE_LIMITS.tags} entries` });
    return NO_TAGS;
  }
  const tags = new TagSet();
  for (const key of keys) {
    const value = raw[key];
    if (isPlainTag(key, value)) {
      tags[key] = value;
      continue;
    }
    const path = `${field}.${key}`;
    checkText(problems, path, key, USAGE_LIMITS.tagKey);
    if (typeof value !== 'string') problems.push({ path, message: 'must be a string' });
    else {
      if (value !== '') checkText(problems, path, value, USAGE_LIMITS.tagValue);
      tags[key] = value;
    }
  }
  return tags;
}

/** Tags as JSON, the same string for equal tags; null where there are none. */
export function formatTags(tags: Tags): string | null {
  for (const _ in tags) return JSON.stringify(tags);
  return null;
}

/** Metadata as JSON text, keys in the order given; null when there is none. */
export function readMetadata(problems: FieldProblem[], raw: unknown): string | null {
  if (raw === undefined || raw === null) return null;
  if (!isObject(raw)) {
    problems.push({ path: 'metadata', message: 'must be an object' });
    return null;
  }
  const text = JSON.stringify(raw);
  if (Buffer.byteLength(text) > USAGE_LIMITS.metadataBytes) {
    problems.push({ path: 'metadata', message: `must have at most ${USAGE_LIMITS.metadataBytes} bytes as JSON` });
  } else if (!isStorableText(text) || UNSTORABLE.test(text)) {
    problems.push({ path: 'metadata', message: 'must not contain NUL or unpaired surrogates' });
  }
  return text;
}
