import type { AttoUsd } from '../../../platform/money.ts';
import type { Tags } from '../../input/read-tags.ts';

/** A cost that the caller gave, whose quantity is its requests. */
export const CALLER_COST = 'caller_cost';
/** A cost that cannot be told apart by unit; its quantity is its requests. */
export const COMPUTED_COST = 'computed_cost';
/** A change of costs that was made after their month had ended; it has no quantity. */
export const CORRECTION = 'correction';

/** What usage is told apart by, beside what it is charged for. */
export interface ChargeOwner {
  provider: string;
  /** The event's model, which totals are grouped by. */
  model: string;
  serviceTier: string;
  teamId: string | null;
  /** The tags that were asked for, as far as the event has them. */
  tags: Tags;
}

/** What an event is charged for: a line of its cost. */
export interface ChargeLine {
  /** A unit of the price book, or one of the words above. */
  unit: string;
  /** The model that used it: not the event's where another one worked within the answer. */
  skuModel: string;
  quantity: number;
  amount: AttoUsd;
  /** For one unit as the price has it; null where there is no price: the quotient then. */
  unitPrice: AttoUsd | null;
  isUnpriced: boolean;
  /** Of a correction: what it was made for, and on which UTC day. */
  correction: { reason: string; day: string } | null;
}

/** The sum of all lines of a day that are alike. */
export interface Charge extends ChargeOwner, Omit<ChargeLine, 'quantity' | 'unitPrice'> {
  quantity: bigint;
}
