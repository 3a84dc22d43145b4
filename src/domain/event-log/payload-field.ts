/** How a value of an event's data is written on the wire. */
export type PayloadKind = 'id' | 'string' | 'time' | 'count' | 'decimal' | 'amount' | 'unit' | 'drivers';

/** One value of one dimension that an anomaly is made of. Amounts are decimals in USD. */
export interface AnomalyDriver {
  dimension: string;
  value: string;
  expected: string;
  actual: string;
}

/** A value on the wire. */
export type PayloadValue = string | number | readonly AnomalyDriver[];

/** One value of an event's data as callers see it. */
export interface PayloadField<Stored> {
  kind: PayloadKind;
  description: string;
  isNullable: boolean;
  /** The value on the wire, of what the log stores. */
  read: (stored: Stored) => PayloadValue | null;
}

/** Makes a field that is never null. */
export function field<Stored>(
  kind: PayloadKind,
  description: string,
  read: (stored: Stored) => PayloadValue,
): PayloadField<Stored> {
  return { kind, description, isNullable: false, read };
}

/** Makes a field that may be null. */
export function nullableField<Stored>(
  kind: PayloadKind,
  description: string,
  read: (stored: Stored) => PayloadValue | null,
): PayloadField<Stored> {
  return { kind, description, isNullable: true, read };
}
