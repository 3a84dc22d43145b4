import { plainDecimal } from '../../../platform/money.ts';
import type { UsageEvent } from '../event/usage-event.ts';

/**
 * An event that was not stored, since its event id or its response id was known: what was stored
 * under that id before.
 */
export interface StoredEvent {
  id: string;
  /** As in {@link UsageRow}. */
  bodyHash: string;
  cost: string | null;
  /** Whether the response id was known: then it is the same call, whatever else the event says. */
  isSameCall: boolean;
  /** The event itself, where it was read with the rest. */
  event?: UsageEvent;
}

/** A row of the answer of `record_usage` and `record_one`: what is stored under a known id. */
export interface StoredRow {
  ordinal: number;
  id: string;
  body_hash: Buffer;
  cost: string | null;
  is_same_call: boolean;
}

/** What a {@link StoredRow} says of the event that its caller sent. */
export function readStoredRow(row: Omit<StoredRow, 'ordinal'>): StoredEvent {
  const { id, body_hash: hash, cost, is_same_call: isSameCall } = row;
  return { id, bodyHash: hash.toString('latin1'), cost: plainDecimal(cost), isSameCall };
}
