import { findWord, hasAnyOf } from './find-attribute.ts';
import { KIND_NAMES, TOKEN_NAMES, WORD_NAMES } from '../names/genai-attributes.ts';
import type { OtlpSpan } from '../wire/otlp-span.ts';

/** The second row has the names that older libraries and Sentry use for `chat`. */
const MODEL_CALLS: ReadonlySet<string> = new Set([
  ...['chat', 'text_completion', 'generate_content', 'embeddings'],
  ...['completion', 'completions', 'embedding', 'messages', 'responses'],
]);
const OPENINFERENCE_CALLS: ReadonlySet<string> = new Set(['llm', 'embedding']);
const AI_SDK_NAME = /^ai\.[a-zA-Z]+/;
const AI_SDK_CALL = /\.do(?:Generate|Stream|Embed)$/;
const SENTRY_PREFIX = 'gen_ai.';

/**
 * Whether the span is one call of a model. Agents, workflows, tools and the outer spans of
 * frameworks are not, because they repeat the counts of the calls inside them. The attributes are
 * checked in order of reliability. A span of the oldest kind has none of them; it is a call when it
 * has a provider, a model and tokens.
 */
export function isBillable({ name, attributes }: OtlpSpan): boolean {
  const operation = findWord(attributes, [KIND_NAMES.operation])?.toLowerCase();
  const namedByAiSdk = operation === undefined && AI_SDK_NAME.test(name) ? name.split(' ', 1)[0] : undefined;
  const aiSdk = findWord(attributes, [KIND_NAMES.aiSdk]) ?? namedByAiSdk;
  if (aiSdk !== undefined) return AI_SDK_CALL.test(aiSdk);
  if (operation !== undefined) return MODEL_CALLS.has(operation);

  const openInference = findWord(attributes, [KIND_NAMES.openInference]);
  if (openInference !== undefined) return OPENINFERENCE_CALLS.has(openInference.toLowerCase());
  const openLlmetry = findWord(attributes, [KIND_NAMES.openLlmetryRequest]);
  if (openLlmetry !== undefined) return MODEL_CALLS.has(openLlmetry.toLowerCase());
  if (attributes.has(KIND_NAMES.openLlmetrySpan)) return false;
  const sentry = findWord(attributes, [KIND_NAMES.sentry]);
  if (sentry?.startsWith(SENTRY_PREFIX)) return MODEL_CALLS.has(sentry.slice(SENTRY_PREFIX.length));

  const hasModel = hasAnyOf(attributes, WORD_NAMES.responseModel) || hasAnyOf(attributes, WORD_NAMES.requestModel);
  const hasTokens = hasAnyOf(attributes, TOKEN_NAMES.inputTokens) || hasAnyOf(attributes, TOKEN_NAMES.outputTokens);
  return hasModel && hasTokens && hasAnyOf(attributes, WORD_NAMES.provider);
}
