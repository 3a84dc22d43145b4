import { invalidRequest } from '../../../platform/errors.ts';
import type { DecodedUsage } from './decoded-usage.ts';
import { decodeAnthropic } from './families/decode-anthropic.ts';
import {
  decodeBedrockConverse,
  decodeBedrockLlama,
  decodeBedrockMetrics,
  decodeBedrockTitan,
} from './families/decode-bedrock.ts';
import { decodeCohere } from './families/decode-cohere.ts';
import { decodeGemini, decodeInteractions } from './families/decode-gemini.ts';
import { decodeOpenaiChat } from './families/decode-openai-chat.ts';
import { decodeOpenaiResponses } from './families/decode-openai-responses.ts';
import { decodeDuration, decodeImages, decodePages, decodeTotalOnly, isImageList } from './families/decode-others.ts';
import { findUsage } from './find-usage.ts';
import { findResponseId, readModel, readRegion, readServiceTier } from './read-answer.ts';
import { readCharge } from './read-charge.ts';
import { type DecodedCounts, toQuantities } from './source/decoded-counts.ts';
import { type Fields, hasAny, MAX_REMARKS, type Source } from './source/read-count.ts';

const NO_PARTS: DecodedUsage['parts'] = [];

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
  { shape: 'bedrock_llama', fits: has('generation_token_count'), decode: decodeBedrockLlama },
  { shape: 'openai_chat', fits: has('prompt_tokens', 'completion_tokens'), decode: decodeOpenaiChat },
  {
    shape: 'gemini',
    fits: has('promptTokenCount', 'candidatesTokenCount', 'totalTokenCount', 'prompt_token_count', 'total_token_count'),
    decode: decodeGemini,
  },
  { shape: 'gemini_interactions', fits: has('total_input_tokens', 'total_output_tokens'), decode: decodeInteractions },
  { shape: 'bedrock_titan', fits: has('inputTextTokenCount'), decode: decodeBedrockTitan },
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
  { shape: 'total', fits: has('total_tokens'), decode: decodeTotalOnly },
  {
    shape: 'duration',
    fits: ({ type, seconds }) => type === 'duration' && seconds !== undefined,
    decode: decodeDuration,
  },
  { shape: 'pages', fits: has('pages_processed'), decode: decodePages },
  { shape: 'images', fits: isImageList, decode: decodeImages },
];

/**
 * Reads a provider's own words into Meterr's normal form. The shape is recognised by the names of
 * the fields; the provider only decides whether reasoning stands beside the output (xAI) and what
 * the unit of a bare `cost` is (OpenRouter). Unknown fields are ignored, null is as good as
 * missing.
 * @param raw the usage object, the whole response body, a stream's last chunk, or a list of its
 * events
 * @param model the model that was asked for, where the caller names one: Google's in the Chat form
 * hide their thinking in the total
 * @throws AppError `invalid_request`, with paths under `usage` in the provider's spelling, when the
 * shape is unknown or a count is not a whole number from 0 to 10^12. Numbers that contradict each
 * other are told as warnings: an event with a warning is worth more than a lost one.
 */
export function decodeUsage(provider: string, raw: unknown, model: string | null = null): DecodedUsage {
  const found = findUsage(raw, 'usage');
  const normalProvider = provider.toLowerCase().replace(/[^a-z0-9]/g, '');
  const source: Source = { ...found, provider: normalProvider, model, problems: [] };
  const shape = SHAPES.find(({ fits }) => fits(source.fields));
  if (!shape) throw invalidRequest([{ path: source.path, message: UNKNOWN_SHAPE }]);
  const decoded = shape.decode(source);
  const { counts, units } = toQuantities(source, decoded);
  const cost = readCharge(source);
  if (source.problems.length > 0) throw invalidRequest(source.problems);
  const warnings = [...new Set(source.warnings)].slice(0, MAX_REMARKS);
  return {
    shape: shape.shape,
    model: readModel(source),
    serviceTier: readServiceTier(source),
    counts,
    units,
    responseId: findResponseId(source),
    region: readRegion(source),
    parts: decoded.parts ?? NO_PARTS,
    cost,
    warnings,
  };
}

const UNKNOWN_SHAPE = 'is not a usage object that Meterr knows; send inputTokens and outputTokens instead';
