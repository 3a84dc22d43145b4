import type { UsageCount } from '../../pricing/price/usage-counts.ts';

/** What a span says of a call beside its counts; no caller of `recordUsage` can give it. */
export interface TelemetryInput {
  /** When the call began: the prices of this time apply. `timestamp` is its end. */
  startedAt: Date | null;
  /** The model that the answer names, where `model` is the one asked for. */
  servedModel: string | null;
  /** What is to be said of the event. */
  warnings: readonly string[];
  /** The call told no counts: it is a request with 0 tokens and the reason `no_usage_reported`. */
  isWithoutUsage: boolean;
  /** What the provider charged in USD, where the span states that: a decimal string. */
  charge: string | null;
  /**
   * Whether `teamId` is a wish: one that the caller may not see is left out, with a warning, instead
   * of refused; and the team of a team-bound key wins over it.
   */
  isTeamOptional: boolean;
}

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
  /** Quantities by the names of `USAGE_UNITS`. */
  units?: unknown;
  /** The provider's own id of the answer: one answer is one event. */
  responseId?: string | null;
  /** Only the OTLP door gives it. */
  telemetry?: TelemetryInput;
}
