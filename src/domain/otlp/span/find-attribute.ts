import type { Attributes } from '../wire/otlp-span.ts';

/** Returns the first of these attributes that is a string and not blank, trimmed. */
export function findWord(attributes: Attributes, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = attributes.get(name);
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
  }
  return undefined;
}

export function hasAnyOf(attributes: Attributes, names: readonly string[]): boolean {
  return names.some((name) => attributes.has(name));
}
