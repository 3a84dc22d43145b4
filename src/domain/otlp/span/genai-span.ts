import { foldName } from '../../input/fold-name.ts';
import type { UsageInput } from '../../usage/event/usage-input.ts';
import { findWord } from './find-attribute.ts';
import { findProvider } from './find-provider.ts';
import { WORD_NAMES } from '../names/genai-attributes.ts';
import { isBillable } from './is-billable.ts';
import type { OtlpSpan } from '../wire/otlp-span.ts';
import { hasTokens, type InputRule, readTokens } from './read-tokens.ts';

export interface SpanUsage {
  spanId: string;
  /**
   * Ready to be recorded: `id` is `traceId:spanId`, `timestamp` is the end of the span. It never
   * has a `cost`: `llm.cost.*` is an estimate that the instrumentation made from a price list, so
   * the catalog's price is used.
   */
  event: UsageInput & { id: string; model: string; timestamp: Date };
  /** The start of the call in epoch milliseconds: prices of this time apply. */
  startTimeMs: number;
  endTimeMs: number;
  /** The same times in epoch nanoseconds, as decimal strings. */
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  requestModel: string | null;
  responseId: string | null;
  inputRule: InputRule;
}

/** `ignored` is a span that is not a call of a model or has no tokens, `rejected` a bad call. */
export type SpanOutcome =
  | { outcome: 'usage'; usage: SpanUsage }
  | { outcome: 'ignored'; reason: 'not_billable' | 'no_tokens' }
  | { outcome: 'rejected'; message: string };

/** The length limit of a recorded string, in characters (`USAGE_LIMITS`). */
const MAX_WORD = 255;
const NANOS_PER_MS = 1_000_000n;
const UNTYPED_ERROR = '_OTHER';
/** A request may ask for this tier. It names no tier that served the call. */
const AUTOMATIC_TIER = 'auto';

/**
 * Reads one span of the OpenTelemetry GenAI conventions (newest, v1.37 to v1.44, older) or of the
 * dialects of the Vercel AI SDK, OpenInference, OpenLLMetry and Sentry.
 * @param exclusiveScopes instrumentations (`name` or `name@version`) whose input count excludes
 *   cached tokens
 */
export function readGenaiSpan(span: OtlpSpan, exclusiveScopes: ReadonlySet<string>): SpanOutcome {
  const { attributes, scope } = span;
  if (!isBillable(span)) return { outcome: 'ignored', reason: 'not_billable' };
  if (!hasTokens(attributes)) return { outcome: 'ignored', reason: 'no_tokens' };
  if (span.problem !== null) return { outcome: 'rejected', message: span.problem };
  const requestModel = findModel(span, WORD_NAMES.requestModel);
  const model = findModel(span, WORD_NAMES.responseModel) ?? requestModel;
  if (model === undefined) return { outcome: 'rejected', message: 'the span must name a model' };
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

/** Folded here already, since spans of one call are recognized by their model. */
function findModel({ attributes }: OtlpSpan, names: readonly string[]): string | undefined {
  const name = findWord(attributes, names);
  return name === undefined ? undefined : foldName(name);
}

/** Reads an attribute of the span, or else of its resource. */
function readWord({ attributes, resource }: OtlpSpan, names: readonly string[]): string | null {
  const word = findWord(attributes, names) ?? findWord(resource, names);
  return word?.replaceAll('\0', '').slice(0, MAX_WORD).toWellFormed() || null;
}

function readTier({ attributes }: OtlpSpan): string | null {
  const requested = findWord(attributes, WORD_NAMES.requestTier);
  return findWord(attributes, WORD_NAMES.responseTier) ?? (requested === AUTOMATIC_TIER ? null : (requested ?? null));
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
