/** How a value of an event's data is written on the wire. */
export type PayloadKind = 'id' | 'string' | 'time' | 'count' | 'decimal' | 'amount' | 'unit';

/** One value of an event's data as callers see it. */
export interface PayloadField<Stored> {
  kind: PayloadKind;
  description: string;
  isNullable: boolean;
  /** The value on the wire, of what the log stores. */
  read: (stored: Stored) => string | number | null;
}

/** Makes a field that is never null. */
export function field<Stored>(
  kind: PayloadKind,
  description: string,
  read: (stored: Stored) => string | number,
): PayloadField<Stored> {
  return { kind, description, isNullable: false, read };
}

/** Makes a field that may be null. */
export function nullableField<Stored>(
  kind: PayloadKind,
  description: string,
  read: (stored: Stored) => string | number | null,
): PayloadField<Stored> {
  return { kind, description, isNullable: true, read };
}
