import type { UsageInput } from '../usage/event/usage-input.ts';
import { findWord } from './find-attribute.ts';
import { findProvider } from './find-provider.ts';
import { WORD_NAMES } from './genai-attributes.ts';
import { isBillable } from './is-billable.ts';
import type { OtlpSpan } from './otlp-span.ts';
import { hasTokens, type InputRule, readTokens } from './read-tokens.ts';

/** The usage that one span tells of. */
export interface SpanUsage {
  spanId: string;
  /**
   * Ready to be recorded: `id` is `traceId:spanId`, `timestamp` the span's end. It never has a
   * `cost`: `llm.cost.*` is the instrumentation's own estimate from a price list, so the catalog's
   * price is used.
   */
  event: UsageInput & { id: string; model: string; timestamp: Date };
  /** When the call began, in ms since 1970: the time whose prices hold. */
  startTimeMs: number;
  endTimeMs: number;
  /** The same in nanoseconds, as decimal text. */
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  requestModel: string | null;
  responseId: string | null;
  inputRule: InputRule;
}

/**
 * Why a span gives no usage: `ignored` is not a model call, `rejected` is a call whose numbers are
 * unusable.
 */
export type SpanOutcome =
  | { outcome: 'usage'; usage: SpanUsage }
  | { outcome: 'ignored'; reason: 'not_billable' | 'no_tokens' }
  | { outcome: 'rejected'; message: string };

/** As much as the record of an event takes (`USAGE_LIMITS`). */
const MAX_WORD = 255;
const NANOS_PER_MS = 1_000_000n;
const UNTYPED_ERROR = '_OTHER';
/** A request may ask for this tier; an answer never names it. */
const TIER_WISH = 'auto';

/**
 * Reads one span of the OpenTelemetry GenAI conventions (newest, v1.37-v1.44, older) or of the
 * Vercel AI SDK's, OpenInference's, OpenLLMetry's or Sentry's dialect.
 * @param exclusiveScopes instrumentations (`name` or `name@version`) known to leave cached tokens
 * out of the input
 */
export function readGenaiSpan(span: OtlpSpan, exclusiveScopes: ReadonlySet<string>): SpanOutcome {
  const { attributes, scope } = span;
  if (!isBillable(span)) return { outcome: 'ignored', reason: 'not_billable' };
  if (!hasTokens(attributes)) return { outcome: 'ignored', reason: 'no_tokens' };
  if (span.problem !== null) return { outcome: 'rejected', message: span.problem };
  const requestModel = findWord(attributes, WORD_NAMES.requestModel);
  const model = findWord(attributes, WORD_NAMES.responseModel) ?? requestModel;
  if (model === undefined) return { outcome: 'rejected', message: 'it names no model' };
  const provider = findProvider(attributes, model);
  const isExclusive =
    scope !== null && (exclusiveScopes.has(scope) || exclusiveScopes.has(scope.split('@', 1)[0] ?? ''));
  const tokens = readTokens(attributes, provider, isExclusive);
  if (typeof tokens === 'string') return { outcome: 'rejected', message: tokens };

  const { counts, inputRule } = tokens;
  const start = span.startTimeUnixNano || span.endTimeUnixNano;
  const end = span.endTimeUnixNano || start;
  const timestamp = new Date(Number(end / NANOS_PER_MS));
  const event = {
    id: `${span.traceId}:${span.spanId}`,
    provider,
    model,
    ...counts,
    serviceTier: readTier(span),
    timestamp,
    userId: readWord(span, WORD_NAMES.userId),
    tags: readTags(span),
    metadata: readMetadata(
      span,
      model,
      requestModel,
      counts.cacheReadTokens + counts.cacheWriteTokens > 0 ? inputRule : null,
    ),
  };
  const usage: SpanUsage = {
    spanId: span.spanId,
    event,
    startTimeMs: Number(start / NANOS_PER_MS),
    endTimeMs: timestamp.getTime(),
    startTimeUnixNano: start.toString(),
    endTimeUnixNano: end.toString(),
    requestModel: requestModel ?? null,
    responseId: findWord(attributes, WORD_NAMES.responseId) ?? null,
    inputRule,
  };
  return { outcome: 'usage', usage };
}

/** An attribute of the span, else of its resource, cut to what a record takes. */
function readWord({ attributes, resource }: OtlpSpan, names: readonly string[]): string | null {
  const word = findWord(attributes, names) ?? findWord(resource, names);
  return word?.replaceAll('\0', '').slice(0, MAX_WORD).toWellFormed() || null;
}

function readTier({ attributes }: OtlpSpan): string | null {
  const asked = findWord(attributes, WORD_NAMES.requestTier);
  return findWord(attributes, WORD_NAMES.responseTier) ?? (asked === TIER_WISH ? null : (asked ?? null));
}

function readTags(span: OtlpSpan): Record<string, string> {
  return withoutNulls({
    service: readWord(span, WORD_NAMES.service),
    env: readWord(span, WORD_NAMES.environment),
    agent: readWord(span, WORD_NAMES.agent),
  });
}

function readMetadata(
  span: OtlpSpan,
  model: string,
  requestModel: string | undefined,
  inputRule: InputRule | null,
): Record<string, string> {
  return withoutNulls({
    conversation_id: readWord(span, WORD_NAMES.conversationId),
    response_id: readWord(span, WORD_NAMES.responseId),
    request_model: requestModel === model ? null : readWord(span, WORD_NAMES.requestModel),
    prompt_name: readWord(span, WORD_NAMES.promptName),
    prompt_version: readWord(span, WORD_NAMES.promptVersion),
    error_type: readWord(span, WORD_NAMES.errorType) ?? (span.isError ? UNTYPED_ERROR : null),
    instrumentation: span.scope?.replaceAll('\0', '').slice(0, MAX_WORD).toWellFormed() ?? null,
    input_rule: inputRule,
  });
}

function withoutNulls(entries: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).filter((entry): entry is [string, string] => entry[1] !== null));
}
