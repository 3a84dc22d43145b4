import { invalidRequest } from '../../../platform/errors.ts';
import { decodeAnthropic } from './decode-anthropic.ts';
import { decodeBedrockConverse, decodeBedrockMetrics } from './decode-bedrock.ts';
import { decodeCohere } from './decode-cohere.ts';
import { decodeGemini } from './decode-gemini.ts';
import { decodeOpenaiChat } from './decode-openai-chat.ts';
import { decodeOpenaiResponses } from './decode-openai-responses.ts';
import { type DecodedCounts, toCounts } from './decoded-counts.ts';
import type { DecodedUsage } from './decoded-usage.ts';
import { findUsage } from './find-usage.ts';
import { readModel, readServiceTier } from './read-answer.ts';
import { readCharge } from './read-charge.ts';
import { type Fields, hasAny, MAX_REMARKS, type Source } from './read-count.ts';

interface Shape {
  shape: string;
  fits: (fields: Fields) => boolean;
  decode: (source: Source) => DecodedCounts;
}

const has =
  (...names: string[]) =>
  (fields: Fields) =>
    hasAny(fields, ...names);

/**
 * First fit wins: LiteLLM leaves Anthropic's cache fields standing beside the Chat form that it
 * rewrites them to.
 */
const SHAPES: readonly Shape[] = [
  { shape: 'openai_chat', fits: has('prompt_tokens', 'completion_tokens'), decode: decodeOpenaiChat },
  {
    shape: 'gemini',
    fits: has('promptTokenCount', 'candidatesTokenCount', 'totalTokenCount', 'prompt_token_count', 'total_token_count'),
    decode: decodeGemini,
  },
  { shape: 'cohere', fits: has('billed_units', 'tokens'), decode: decodeCohere },
  { shape: 'bedrock_converse', fits: has('inputTokens', 'outputTokens'), decode: decodeBedrockConverse },
  { shape: 'bedrock_metrics', fits: has('inputTokenCount', 'outputTokenCount'), decode: decodeBedrockMetrics },
  {
    shape: 'openai_realtime',
    fits: has('input_token_details', 'output_token_details'),
    decode: decodeOpenaiResponses,
  },
  { shape: 'openai_responses', fits: has('input_tokens_details'), decode: decodeOpenaiResponses },
  {
    shape: 'anthropic',
    fits: (fields) =>
      hasAny(fields, 'input_tokens', 'output_tokens') &&
      ('cache_creation_input_tokens' in fields ||
        'cache_read_input_tokens' in fields ||
        hasAny(fields, 'cache_creation', 'server_tool_use', 'iterations')),
    decode: decodeAnthropic,
  },
  { shape: 'openai_responses', fits: has('input_tokens', 'output_tokens'), decode: decodeOpenaiResponses },
];

/**
 * Reads a provider's own words into Meterr's normal form. The shape is recognised by the names of
 * the fields; the provider only decides whether reasoning stands beside the output (xAI) and what
 * the unit of a bare `cost` is (OpenRouter). Unknown fields are ignored, null is as good as
 * missing.
 * @param raw the usage object, the whole response body, a stream's last chunk, or a list of its
 * events
 * @throws AppError `invalid_request`, with paths under `usage` in the provider's spelling, when the
 * shape is unknown, a count is not a whole number from 0 to 10^12, a part is above its total, or
 * no reading of the parts gives their total.
 */
export function decodeUsage(provider: string, raw: unknown): DecodedUsage {
  const found = findUsage(raw, 'usage');
  const normalProvider = provider.toLowerCase().replace(/[^a-z0-9]/g, '');
  const source: Source = { ...found, provider: normalProvider, problems: [] };
  const shape = SHAPES.find(({ fits }) => fits(source.fields));
  if (!shape) throw invalidRequest([{ path: source.path, message: refusalOf(source) }]);
  const counts = toCounts(source, shape.decode(source));
  const cost = readCharge(source);
  if (source.problems.length > 0) throw invalidRequest(source.problems);
  const warnings = [...new Set(source.warnings)].slice(0, MAX_REMARKS);
  return {
    shape: shape.shape,
    model: readModel(source),
    serviceTier: readServiceTier(source),
    counts,
    units: null,
    responseId: null,
    region: null,
    parts: [],
    cost,
    warnings,
  };
}

function refusalOf(source: Source): string {
  const { fields, body } = source;
  if (fields.type === 'duration')
    return 'is billed by the second and has no tokens; send the counts and the cost yourself';
  if (hasAny(body ?? fields, 'usage_info')) return 'is billed by the page; send the counts and the cost yourself';
  return 'is not a usage object that Meterr knows; send inputTokens and outputTokens instead';
}
