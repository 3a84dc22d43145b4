import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { vendorOfModel } from '../../pricing/price/model-vendor.ts';
import { countsOf } from '../../pricing/price/usage-counts.ts';
import type { TelemetryInput, UsageInput } from '../../usage/event/usage-input.ts';
import { CLAUDE_CODE_CALL } from '../names/kind-names.ts';
import { CALL_ID_NAMES, WORD_NAMES } from '../names/word-names.ts';
import type { Attributes, OtlpSpan } from '../wire/otlp-span.ts';
import { classifySpan } from './classify-span.ts';
import { findWord, toText } from './find-attribute.ts';
import { findProvider, isOpenRouters } from './find-provider.ts';
import { findInherited, type Lineage } from './lineage.ts';
import { isCacheHit, readCharge } from './read-cost.ts';
import { readMetadata } from './read-metadata.ts';
import { readTags } from './read-tags.ts';
import { hasTokens, readTokens, type SpanTokens } from './read-tokens.ts';
import { callWideId, isGatewayId } from './response-id.ts';
import type { InputRule } from './stated-counts.ts';

export interface SpanUsage {
  spanId: string;
  /** Ready to be recorded: `id` is `traceId:spanId`, `timestamp` is the end of the span. */
  event: UsageInput & { id: string; model: string; timestamp: Date; telemetry: TelemetryInput };
  requestModel: string | null;
  /** What tells this call from others of its trace, whoever made it; null where nothing does. */
  callId: string | null;
  /** The id of the answer that its provider made. */
  providerId: string | null;
  inputRule: InputRule;
  /** Input and output as the span states them: wrappers repeat or add up these. */
  statedInput: number;
  statedOutput: number;
}

/** `ignored` is a span that is not a call of a model, or failed without tokens; `rejected` a bad call. */
export type SpanOutcome =
  | { outcome: 'usage'; usage: SpanUsage }
  | { outcome: 'ignored' }
  | { outcome: 'rejected'; message: string };

const NANOS_PER_MS = 1_000_000n;
/** A request may ask for this tier. It names no tier that served the call. */
const AUTOMATIC_TIER = 'auto';
const NO_TOKENS: SpanTokens = {
  counts: countsOf({}),
  units: {},
  inputRule: 'inclusive',
  warnings: [],
  statedInput: 0,
  statedOutput: 0,
};

/**
 * Reads one span of the OpenTelemetry GenAI conventions (newest, v1.37 to v1.44, older) or of a
 * dialect. Names alone decide nothing about the numbers: see `settleCounts`.
 * @param inherited what the spans around it say that holds for it, too
 * @param isExclusive the API key says that its spans' input leaves cached tokens out
 */
export function readGenaiSpan(span: OtlpSpan, inherited: () => Attributes, isExclusive: boolean): SpanOutcome {
  if (classifySpan(span) === 'other') return { outcome: 'ignored' };
  const isWithoutUsage = !hasTokens(span);
  const names = readModels(span);
  // What failed before it was answered used nothing; what was billed all the same has tokens.
  const hasFailed = span.isError || findWord(span.attributes, WORD_NAMES.errorType) !== undefined;
  if (isWithoutUsage && (hasFailed || names.model === undefined)) return { outcome: 'ignored' };
  if (span.problem !== null) return { outcome: 'rejected', message: span.problem };
  if (names.model === undefined) return { outcome: 'rejected', message: 'the span must name a model' };
  const provider = findProvider(span, [names.model, ...(names.requestModel ? [names.requestModel] : [])]);
  const tokens = isWithoutUsage ? NO_TOKENS : readTokens(span, provider, isExclusive);
  if (typeof tokens === 'string') return { outcome: 'rejected', message: tokens };
  const lineage = { span, inherited: inherited() };
  const models = { ...names, model: names.model };
  return { outcome: 'usage', usage: toUsage(lineage, models, provider, tokens, isWithoutUsage) };
}

function toUsage(
  lineage: Lineage,
  { model, requestModel, servedModel }: Models & { model: string },
  provider: string,
  tokens: SpanTokens,
  isWithoutUsage: boolean,
): SpanUsage {
  const { span } = lineage;
  const { counts, units, inputRule } = tokens;
  const start = span.startTimeUnixNano || span.endTimeUnixNano;
  const end = span.endTimeUnixNano || start;
  const cached = counts.cacheReadTokens + counts.cacheWriteTokens;
  const teamId = findInherited(lineage, WORD_NAMES.team, USAGE_LIMITS.eventId);
  // An answer from a gateway's cache carries the id of the answer that it repeats.
  const isRepeated = isCacheHit(span);
  const statedId = isRepeated ? null : toText(findWord(span.attributes, WORD_NAMES.responseId), USAGE_LIMITS.eventId);
  const callId = isRepeated ? null : readCallId(span, statedId);
  const wideId = callWideId(statedId ?? callId, provider);
  const event: SpanUsage['event'] = {
    id: `${span.traceId}:${span.spanId}`,
    provider,
    model,
    ...counts,
    units: Object.keys(units).length > 0 ? units : null,
    serviceTier: readTier(span),
    timestamp: toDate(end),
    teamId,
    userId: findInherited(lineage, WORD_NAMES.user, USAGE_LIMITS.userId),
    tags: readTags(lineage),
    metadata: readMetadata(lineage, {
      model,
      requestModel,
      inputRule: cached > 0 ? inputRule : null,
      isCacheHit: isRepeated,
    }),
    responseId: isRepeated ? null : readResponseId(span, wideId),
    telemetry: {
      startedAt: toDate(start < end ? start : end),
      servedModel,
      warnings: tokens.warnings,
      isWithoutUsage,
      charge: readCharge(span),
      isTeamOptional: true,
    },
  };
  return {
    spanId: span.spanId,
    event,
    requestModel: requestModel ?? null,
    callId,
    providerId: wideId !== null && isGatewayId(wideId) ? null : wideId,
    inputRule,
    statedInput: tokens.statedInput,
    statedOutput: tokens.statedOutput,
  };
}

function toDate(nanos: bigint): Date {
  return new Date(Number(nanos / NANOS_PER_MS));
}

interface Models {
  /** The one that is recorded. */
  model: string | undefined;
  requestModel: string | undefined;
  /** The one that the answer names, where another is recorded. */
  servedModel: string | null;
}

/**
 * The model that served the call is recorded, where its name says whose it is; else the one that was
 * asked for, if that does: gateways and deployments answer with names of their own. Folded here
 * already, since spans of one call are recognized by their model.
 */
function readModels(span: OtlpSpan): Models {
  const [served, requestModel] = [WORD_NAMES.responseModel, WORD_NAMES.requestModel].map((names) => {
    const name = findWord(span.attributes, names);
    return name === undefined ? undefined : foldName(name);
  });
  const isVague = served !== undefined && requestModel !== undefined && vendorOfModel(served) === null;
  // OpenRouter's prices are by its own names, which are those that it is asked for.
  const isAskedFor = isOpenRouters(span) || (isVague && vendorOfModel(requestModel) !== null);
  if (!isAskedFor || requestModel === undefined)
    return { model: served ?? requestModel, requestModel, servedModel: null };
  return { model: requestModel, requestModel, servedModel: served === requestModel ? null : (served ?? null) };
}

function readCallId({ name, attributes }: OtlpSpan, statedId: string | null): string | null {
  if (name === CLAUDE_CODE_CALL) return statedId ?? findWord(attributes, [CALL_ID_NAMES.claudeCodeRequest]) ?? null;
  return findWord(attributes, [CALL_ID_NAMES.adkEvent]) ?? statedId;
}

/** The id by which one answer is one event, whatever trace or export tells of it. */
function readResponseId({ traceId, attributes }: OtlpSpan, wideId: string | null): string | null {
  // ADK traces each call twice, and numbers it itself: that holds within its trace.
  const adkEvent = findWord(attributes, [CALL_ID_NAMES.adkEvent]);
  return adkEvent === undefined ? wideId : `adk:${traceId}:${adkEvent}`.slice(0, USAGE_LIMITS.eventId);
}

function readTier({ attributes }: OtlpSpan): string | null {
  const requested = findWord(attributes, WORD_NAMES.requestTier);
  const tier = findWord(attributes, WORD_NAMES.responseTier) ?? (requested === AUTOMATIC_TIER ? undefined : requested);
  return toText(tier, USAGE_LIMITS.serviceTier);
}
