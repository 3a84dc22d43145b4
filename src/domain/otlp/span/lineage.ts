import type { Attributes, OtlpSpan } from '../wire/otlp-span.ts';
import { toText } from './find-attribute.ts';

/** A span, and what those around it in the same export say that holds for it, too. */
export interface Lineage {
  span: OtlpSpan;
  inherited: Attributes;
}

/** Where something that holds for a call may stand: at itself, around it, or at its resource. */
export function placesOf({ span, inherited }: Lineage): readonly Attributes[] {
  return [span.attributes, inherited, span.resource];
}

/** The first of these names that has a value anywhere, numbers as text, cut to `maxLength`. */
export function findInherited(lineage: Lineage, names: readonly string[], maxLength: number): string | null {
  const places = placesOf(lineage);
  for (const name of names) {
    for (const place of places) {
      const text = toText(place.get(name), maxLength);
      if (text !== null) return text;
    }
  }
  return null;
}
