import type { Attributes } from './otlp-span.ts';

/** The first of these attributes that is a text with something in it. */
export function findWord(attributes: Attributes, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = attributes.get(name);
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
  }
  return undefined;
}

/** Whether any of these attributes is there. */
export function hasAnyOf(attributes: Attributes, names: readonly string[]): boolean {
  return names.some((name) => attributes.has(name));
}
