import type { Attributes, AttributeValue } from '../wire/otlp-span.ts';

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

/** A scalar as a string that the ledger can keep, cut to its limit; null where it says nothing. */
export function toText(value: AttributeValue | undefined, maxLength: number): string | null {
  if (value === undefined || Number.isNaN(value)) return null;
  const text = String(value).trim().replaceAll('\0', '').slice(0, maxLength).toWellFormed();
  return text === '' ? null : text;
}
