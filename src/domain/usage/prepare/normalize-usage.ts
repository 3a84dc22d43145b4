import { type AppError, type FieldProblem, invalidRequest } from '../../../platform/errors.ts';
import { formatId, newUuid } from '../../../platform/ids.ts';
import { type AttoUsd, formatMoney } from '../../../platform/money.ts';
import type { Context } from '../../context.ts';
import { checkText } from '../../input/check-text.ts';
import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { formatTags, readMetadata, readTags } from '../../input/read-tags.ts';
import { normalizeProvider } from '../../pricing/price/provider-name.ts';
import { keptTier } from '../../pricing/price/service-tier.ts';
import type { UsageEvent } from '../event/usage-event.ts';
import type { UsageInput } from '../event/usage-input.ts';
import { hashUsage } from './hash-usage.ts';
import { priceEvent } from './price-event.ts';
import { readCounts } from './read-counts.ts';
import { readCost, readHold, readTeam, readTier, readTime } from './read-fields.ts';
import { readSpanCharge, readWishedTeam } from './read-telemetry.ts';
import { seeDetails } from './see-details.ts';

/** The text of metadata that says nothing. */
const NO_METADATA = '{}';
const NO_REMARKS: string[] = [];
/** Event ids of reversing rows: an event can be reversed once, since ids are unique. */
export const VOID_PREFIX = 'void:';
/** Event ids of rows that change the cost of an event. */
export const ADJUST_PREFIX = 'adjust:';

export interface NormalizedUsage {
  event: UsageEvent;
  bodyHash: string;
  costAtto: AttoUsd | null;
  tagsText: string | null;
  /**
   * Set: the event is older than what is kept, so it may only be the repeat of one that was
   * recorded in time, by its event id or its response id.
   */
  tooOld: AppError | null;
}

/** All that is to be said of an event, once each. */
function joinWarnings(read: string[], remarks: readonly string[], priced: readonly string[]): string[] {
  return remarks.length + priced.length === 0 ? read : [...new Set([...read, ...remarks, ...priced])];
}

/**
 * Gives an event its normal form and its price. Pure but for the clock; nothing is looked up in the
 * database.
 * @throws AppError invalid_request naming every field that cannot be accepted
 */
export function normalizeUsage(context: Context, input: UsageInput): NormalizedUsage {
  const problems: FieldProblem[] = [];
  const { resources, caller } = context;
  const nowMs = resources.clock();
  const providerName = foldName(input.provider);
  checkText(problems, 'provider', providerName, USAGE_LIMITS.provider);
  if (input.id !== undefined && input.id !== null) {
    checkText(problems, 'id', input.id, USAGE_LIMITS.eventId);
    for (const prefix of [VOID_PREFIX, ADJUST_PREFIX]) {
      if (input.id.startsWith(prefix)) problems.push({ path: 'id', message: `must not begin with ${prefix}` });
    }
  }
  if (input.userId !== undefined && input.userId !== null) {
    checkText(problems, 'userId', input.userId, USAGE_LIMITS.userId);
  }
  const old: FieldProblem[] = [];
  const timeMs = readTime(problems, old, context, input.timestamp, nowMs);
  const { telemetry } = input;
  const remarks = telemetry ? [...telemetry.warnings] : NO_REMARKS;
  const teamId = telemetry?.isTeamOptional
    ? readWishedTeam(remarks, context, input.teamId)
    : readTeam(problems, context, input.teamId);
  const holdId = readHold(problems, input.holdId);
  const tags = readTags(problems, input.tags);
  const metadata = readMetadata(problems, input.metadata);
  const read = readCounts(problems, input);
  const { counts } = read;
  const readModel = read.model === null ? null : foldName(read.model);
  const model = input.model === undefined || input.model === null ? readModel : foldName(input.model);
  if (model === null) problems.push({ path: 'model', message: 'is required' });
  else checkText(problems, 'model', model, USAGE_LIMITS.model);
  const servedTier = keptTier(read.serviceTier);
  const serviceTier = readTier(problems, input.serviceTier, servedTier);
  checkText(problems, 'serviceTier', serviceTier, USAGE_LIMITS.serviceTier);
  const statedCost = readCost(problems, input.cost ?? read.charge);
  const callerCost = statedCost === null && telemetry ? readSpanCharge(remarks, telemetry.charge) : statedCost;
  const seen = seeDetails(problems, input, read, model, timeMs);
  const tooOld = old.length > 0 ? invalidRequest(old) : null;
  // Only an id tells that an event was recorded before.
  const isNew = !input.id && !seen?.responseId;
  if (problems.length > 0 || model === null || (tooOld && isNew)) throw invalidRequest([...problems, ...old]);

  const organizationId = caller.organization.id;
  const provider = normalizeProvider(providerName);
  const id = newUuid(timeMs);
  const question = { organizationId, provider, model, serviceTier, timeMs, counts, seen };
  const { priced, costAtto, details, warnings } = priceEvent(resources.prices, question, callerCost);
  // A literal, not a loop over USAGE_COUNTS: V8 gives no stable hidden class to an object that is
  // spread or filled in a loop, and all who read the event later would pay for it.
  const event: UsageEvent = {
    id,
    organizationId,
    eventId: input.id ?? formatId('usageEvent', id),
    timeMs,
    recordedAtMs: nowMs,
    provider,
    model,
    serviceTier,
    teamId,
    apiKeyId: caller.apiKeyId,
    userId: input.userId ?? null,
    tags,
    metadata: metadata === null ? null : input.metadata,
    requests: 1,
    inputTokens: counts.inputTokens,
    outputTokens: counts.outputTokens,
    cacheReadTokens: counts.cacheReadTokens,
    cacheWriteTokens: counts.cacheWriteTokens,
    cacheWrite1hTokens: counts.cacheWrite1hTokens,
    reasoningTokens: counts.reasoningTokens,
    inputAudioTokens: counts.inputAudioTokens,
    outputAudioTokens: counts.outputAudioTokens,
    webSearches: counts.webSearches,
    cost: priced.cost,
    computedCost: priced.computedCost,
    costSource: priced.costSource,
    priceId: priced.priceId,
    unpricedReason: priced.unpricedReason,
    warnings: joinWarnings(read.warnings, remarks, warnings),
    details,
    holdId,
    voidsId: null,
    voidReason: null,
    adjustsId: null,
    voidedById: null,
    adjustments: null,
  };
  const tagsText = formatTags(tags);
  const bodyHash = hashUsage(input, {
    provider,
    // What was given as its default is the same as what was left out.
    model: model === readModel ? null : model,
    serviceTier: serviceTier === servedTier ? null : serviceTier,
    teamId,
    cost: callerCost === null ? null : formatMoney(callerCost),
    // Those of a usage object are hashed with it, and the id of a span is not in its body.
    units: read.decoded === null ? read.units : null,
    responseId: telemetry ? null : (input.responseId ?? null),
    tagsText,
    hasMetadata: metadata !== null && metadata !== NO_METADATA,
  });
  return { event, bodyHash, costAtto, tagsText, tooOld };
}
