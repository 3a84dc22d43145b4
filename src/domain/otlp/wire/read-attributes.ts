import { isReadName } from '../names/read-names.ts';
import type { Attributes, AttributeValue } from './otlp-span.ts';
import { type Fields, readList, readObject } from './read-fields.ts';

/** Reads the scalar attributes that metering needs. All others are skipped unread. */
export function readAttributes(owner: Fields, path: string): Attributes {
  const attributes = new Map<string, AttributeValue>();
  for (const [pair, pairPath] of readList(owner, 'attributes', path)) {
    if (typeof pair.key !== 'string' || !isReadName(pair.key)) continue;
    const value = readScalar(readObject(pair, 'value', pairPath));
    if (value !== null) attributes.set(pair.key, value);
  }
  return attributes;
}

/** JSON has 64-bit integers as strings; some exporters write numbers. The rest becomes NaN. */
function readScalar({ stringValue, intValue, doubleValue, boolValue }: Fields): AttributeValue | null {
  if (typeof stringValue === 'string') return stringValue;
  const number = intValue ?? doubleValue;
  if (number !== undefined && number !== null) {
    const isReadable = typeof number === 'number' || (typeof number === 'string' && number !== '');
    return isReadable ? Number(number) : Number.NaN;
  }
  return typeof boolValue === 'boolean' ? boolValue : null;
}
