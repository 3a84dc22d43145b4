import type { FieldProblem } from '../../../platform/errors.ts';
import { checkText, isStorableText } from '../../input/check-text.ts';
import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import type { UsageUnits } from '../../pricing/price/usage-units.ts';
import type { DecodedUsage } from '../decode/decoded-usage.ts';
import type { UsageEvent } from '../event/usage-event.ts';
import type { UsageInput } from '../event/usage-input.ts';
import type { ReadCounts } from './read-counts.ts';

/** What only few events say of themselves, before they are priced. */
export interface SeenDetails {
  units: UsageUnits | null;
  responseId: string | null;
  /** The model that the answer names, where it is not the event's. */
  servedModel: string | null;
  region: string | null;
  parts: DecodedUsage['parts'];
  /** When the call began, where that is not the event's time: epoch milliseconds. */
  startedAtMs: number | null;
  isWithoutUsage: boolean;
}

const NO_PARTS: DecodedUsage['parts'] = [];

/** A text that nobody gave as a field: what the ledger cannot store is left out, not refused. */
function storable(text: string | null | undefined, max: number): string | null {
  return text && text.length <= max && isStorableText(text) ? text : null;
}

function readResponseId(problems: FieldProblem[], input: UsageInput, decoded: DecodedUsage | null): string | null {
  const { responseId, telemetry } = input;
  if (responseId === undefined || responseId === null) return storable(decoded?.responseId, USAGE_LIMITS.eventId);
  if (telemetry) return storable(responseId, USAGE_LIMITS.eventId);
  checkText(problems, 'responseId', responseId, USAGE_LIMITS.eventId);
  return responseId;
}

/**
 * What an event says beside its counts; null for nearly all, which pay no more than this look.
 * @param model the event's; null where it has none and is refused
 * @param timeMs the event's time
 */
export function seeDetails(
  problems: FieldProblem[],
  input: UsageInput,
  { decoded, units, model: readModel }: ReadCounts,
  model: string | null,
  timeMs: number,
): SeenDetails | null {
  const { telemetry } = input;
  if (decoded === null && units === null && telemetry === undefined && !input.responseId && input.responseId !== '') {
    return null;
  }
  const responseId = readResponseId(problems, input, decoded);
  const served = telemetry?.servedModel ?? readModel;
  const servedModel = served === null ? null : storable(foldName(served), USAGE_LIMITS.model);
  const startedMs = telemetry?.startedAt?.getTime() ?? timeMs;
  const seen: SeenDetails = {
    units,
    responseId,
    servedModel: servedModel === model ? null : servedModel,
    region: storable(decoded?.region, USAGE_LIMITS.serviceTier),
    parts: decoded?.parts ?? NO_PARTS,
    startedAtMs: startedMs < timeMs ? startedMs : null,
    isWithoutUsage: telemetry?.isWithoutUsage ?? false,
  };
  const { region, parts, startedAtMs, isWithoutUsage } = seen;
  const isPlain = units === null && responseId === null && seen.servedModel === null && region === null;
  return isPlain && parts.length === 0 && startedAtMs === null && !isWithoutUsage ? null : seen;
}

/**
 * The same of an event that is in the ledger, to price it again as it was priced first; null where it
 * has no details.
 */
export function recallDetails({
  details,
  unpricedReason,
  timeMs,
}: Pick<UsageEvent, 'details' | 'unpricedReason' | 'timeMs'>): SeenDetails | null {
  const isWithoutUsage = unpricedReason === 'no_usage_reported';
  if (details === null && !isWithoutUsage) return null;
  const { units, responseId, servedModel, region, parts, pricedAtMs } = details ?? {};
  return {
    units: units ?? null,
    responseId: responseId ?? null,
    servedModel: servedModel ?? null,
    region: region ?? null,
    parts: parts ?? NO_PARTS,
    startedAtMs: pricedAtMs !== undefined && pricedAtMs < timeMs ? pricedAtMs : null,
    isWithoutUsage,
  };
}
