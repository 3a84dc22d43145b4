import type { FieldProblem } from '../../platform/errors.ts';
import { isObject } from '../../platform/json/json.ts';
import { isDeeper } from '../../platform/json/json-depth.ts';
import { checkText, isStorableText } from './check-text.ts';
import { JSON_DEPTH, USAGE_LIMITS } from './limits.ts';

/** An object with string values and sorted keys. */
export type Tags = Record<string, string>;

/** Not `Object.create(null)`: V8 keeps that in dictionary mode, where `JSON.stringify` is slow. */
const TagSet = function TagSet() {} as unknown as new () => Tags;
TagSet.prototype = Object.create(null);

const NO_TAGS: Tags = Object.freeze(new TagSet());
/** An escape in JSON that PostgreSQL's jsonb refuses: NUL or a surrogate. */
const UNSTORABLE = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/** Callers mostly send sorted tags, and checking the order is cheaper than sorting. */
function sortedKeys(object: object): string[] {
  const keys = Object.keys(object);
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return keys.sort();
  return keys;
}

function isValidTag(key: string, value: unknown): value is string {
  return (
    typeof value === 'string' &&
    key.length > 0 &&
    key.length <= USAGE_LIMITS.tagKey &&
    value.length <= USAGE_LIMITS.tagValue &&
    isStorableText(key) &&
    isStorableText(value)
  );
}

/** Reads tags with sorted keys: equal tags give equal bytes. Adds a problem for each bad tag. */
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
    if (isValidTag(key, value)) {
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

/** Formats tags as JSON: equal tags give equal strings, no tags give null. */
export function formatTags(tags: Tags): string | null {
  for (const _ in tags) return JSON.stringify(tags);
  return null;
}

/** Formats metadata as JSON in the given key order, or null. Adds a problem when it is invalid. */
export function readMetadata(problems: FieldProblem[], raw: unknown): string | null {
  if (raw === undefined || raw === null) return null;
  if (!isObject(raw)) {
    problems.push({ path: 'metadata', message: 'must be an object' });
    return null;
  }
  // The event around it is a level too.
  if (isDeeper(raw, JSON_DEPTH - 1)) {
    problems.push({ path: 'metadata', message: `must not nest deeper than ${JSON_DEPTH} levels, the event counted` });
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
