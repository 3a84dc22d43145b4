import { USAGE_LIMITS } from '../../input/limits.ts';
import { OWN_TAG_PREFIX, TAG_NAMES, TAG_PREFIXES, tagOfLastName } from '../names/tag-names.ts';
import { WORD_NAMES } from '../names/word-names.ts';
import type { Attributes } from '../wire/otlp-span.ts';
import { toText } from './find-attribute.ts';
import { findInherited, type Lineage, placesOf } from './lineage.ts';

/** A value that is JSON is no tag but content. */
const JSON_TEXT = /^[[{]/;

function* ownTags(place: Attributes): Generator<[string, string | null]> {
  for (const [name, value] of place) {
    if (name.startsWith(OWN_TAG_PREFIX))
      yield [name.slice(OWN_TAG_PREFIX.length), toText(value, USAGE_LIMITS.tagValue)];
  }
}

function* namedTags(place: Attributes): Generator<[string, string | null]> {
  for (const [name, tag] of TAG_NAMES) yield [tag, toText(place.get(name), USAGE_LIMITS.tagValue)];
}

function* familyTags(place: Attributes): Generator<[string, string | null]> {
  for (const [name, value] of place) {
    if (!TAG_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    const tag = tagOfLastName(name);
    const text = toText(value, USAGE_LIMITS.tagValue);
    if (tag !== null && text !== null && !JSON_TEXT.test(text)) yield [tag, text];
  }
}

/**
 * The tags of a call, as many as an event may have: what is Meterr's own (`meterr.tag.KEY`) wins over
 * `service`, `env` and `agent`, and those come before what frameworks call metadata. The span's own
 * come before those around it, and those before its resource's. Keys and values that are too long are
 * cut: a call is never refused for its tags.
 */
export function readTags(lineage: Lineage): Record<string, string> {
  const places = placesOf(lineage);
  const [own, usual, rest] = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>()];
  const add = (tags: Map<string, string>, key: string, value: string | null) => {
    if (tags.size === USAGE_LIMITS.tags || tags.has(key)) return;
    const name = toText(key, USAGE_LIMITS.tagKey);
    if (name !== null && value !== null && !tags.has(name)) tags.set(name, value);
  };
  add(usual, 'service', findInherited(lineage, WORD_NAMES.service, USAGE_LIMITS.tagValue));
  add(usual, 'env', findInherited(lineage, WORD_NAMES.environment, USAGE_LIMITS.tagValue));
  add(usual, 'agent', findInherited(lineage, WORD_NAMES.agent, USAGE_LIMITS.tagValue));
  for (const place of places) for (const [key, value] of ownTags(place)) add(own, key, value);
  for (const place of places) for (const [key, value] of namedTags(place)) add(rest, key, value);
  for (const place of places) for (const [key, value] of familyTags(place)) add(rest, key, value);
  // The first three are always there: a later entry of the same key only changes the value.
  const kept = [...new Set([...usual.keys(), ...own.keys(), ...rest.keys()])].slice(0, USAGE_LIMITS.tags);
  return Object.fromEntries(kept.map((key) => [key, own.get(key) ?? usual.get(key) ?? rest.get(key) ?? '']));
}
