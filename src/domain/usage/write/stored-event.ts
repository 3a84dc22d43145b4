import type { UsageEvent } from '../event/usage-event.ts';

/** An event that was not stored, since its id was known: what was stored under that id before. */
export interface StoredEvent {
  id: string;
  /** As in {@link UsageRow}. */
  bodyHash: string;
  cost: string | null;
  /** The event itself, where it was read with the rest. */
  event?: UsageEvent;
}

/** A row of the answer of `record_usage` and `record_one`: what is stored under a known id. */
export interface StoredRow {
  ordinal: number;
  id: string;
  body_hash: Buffer;
  cost: string | null;
}
