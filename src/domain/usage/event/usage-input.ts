import type { UsageCount } from '../../pricing/price/usage-counts.ts';

/** An event as a door passes it on: its types are checked, its meaning is not. */
export interface UsageInput extends Partial<Record<UsageCount, number | null>> {
  /** The caller's own id: a repeat with the same id is never recorded twice. */
  id?: string | null;
  provider: string;
  /** May be missing only where `usage` is a response body that names the model. */
  model?: string | null;
  /** The provider's own usage object, or whole response body, unchanged. Excludes the counts. */
  usage?: unknown;
  serviceTier?: string | null;
  timestamp?: Date | null;
  /** TypeID of a team. */
  teamId?: string | null;
  userId?: string | null;
  tags?: unknown;
  metadata?: unknown;
  /** A decimal string in USD. */
  cost?: string | null;
  /** TypeID of a hold that this event settles. */
  holdId?: string | null;
  requireCredits?: boolean | null;
}
