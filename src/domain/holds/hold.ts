import { plainDecimal } from '../../platform/money.ts';

/** `expired` is said of every hold whose time is over, swept or not. */
export const HOLD_STATUSES = ['active', 'settled', 'released', 'expired'] as const;
export type HoldStatus = (typeof HOLD_STATUSES)[number];

/** The worst-case cost of a call, reserved. Amounts are decimal strings. */
export interface Hold {
  id: string;
  status: HoldStatus;
  provider: string;
  model: string;
  /** USD; null where the cost is unknown. */
  amount: string | null;
  tokens: number;
  createdAt: Date;
  expiresAt: Date;
}

/**
 * A budget that the hold counts in, as it is after the hold. Amounts are decimal strings in the
 * budget's unit.
 */
export interface HeldBudget {
  id: string;
  unit: 'usd' | 'tokens';
  subject: string | null;
  limit: string;
  spent: string;
  held: string;
  remaining: string;
}

export interface CreatedHold extends Hold {
  /** Those with the least left first. */
  budgets: HeldBudget[];
  /** What prepaid credits are left for other holds; null without prepaid credits. */
  creditsAvailable: string | null;
}

export interface HoldRow {
  id: string;
  status: HoldStatus;
  provider: string;
  model: string;
  amount: string | null;
  tokens: number;
  created_at: Date;
  expires_at: Date;
}

/** A row of the table as a hold. */
export function readHold(row: HoldRow): Hold {
  const { id, status, provider, model, amount, tokens, created_at: createdAt, expires_at: expiresAt } = row;
  return { id, status, provider, model, amount: plainDecimal(amount), tokens, createdAt, expiresAt };
}
