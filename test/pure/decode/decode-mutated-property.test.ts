import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countsOf, USAGE_COUNTS } from '../../../src/domain/pricing/price/usage-counts.ts';
import { USAGE_UNITS } from '../../../src/domain/pricing/price/usage-units.ts';
import { decodeUsage } from '../../../src/domain/usage/decode/decode-usage.ts';
import type { DecodedUsage } from '../../../src/domain/usage/decode/decoded-usage.ts';
import { AppError } from '../../../src/platform/errors.ts';
import { CHARGED_CASES } from './decode-usage-cases-charged.ts';

// Real bodies in which anything was changed: another number, null, a text, a field left out, a list
// in place of an object. Whatever comes of it holds together, or is refused in words.

const MODALITIES = { modality: 'AUDIO', tokenCount: 4 };
const BODIES: readonly unknown[] = [
  ...CHARGED_CASES.map(({ raw }) => raw),
  {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    prompt_tokens_details: {
      cached_tokens: 4,
      audio_tokens: 2,
      image_tokens: 2,
      cached_tokens_details: { audio_tokens: 1 },
    },
    completion_tokens_details: { reasoning_tokens: 2, audio_tokens: 1, image_tokens: 1 },
  },
  {
    input_tokens: 10,
    output_tokens: 5,
    input_tokens_details: { cached_tokens: 4, image_tokens: 2, cached_tokens_details: { image_tokens: 1 } },
    output_tokens_details: { reasoning_tokens: 2, image_tokens: 1 },
  },
  {
    input_tokens: 3,
    output_tokens: 5,
    cache_read_input_tokens: 4,
    cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 2 },
    cache_creation_input_tokens: 3,
    iterations: [{ type: 'advisor_message', model: 'other', input_tokens: 2, output_tokens: 2 }],
  },
  {
    responseId: 'abcdefgh',
    modelVersion: 'gemini-3-pro',
    candidates: [{ groundingMetadata: { webSearchQueries: ['a'], groundingChunks: [{ maps: {} }] } }],
    usageMetadata: {
      promptTokenCount: 9,
      cachedContentTokenCount: 4,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 2,
      totalTokenCount: 16,
      promptTokensDetails: [MODALITIES, { modality: 'IMAGE', tokenCount: 2 }],
      cacheTokensDetails: [MODALITIES],
    },
  },
  [
    { type: 'message_start', message: { id: 'msg_1', usage: { input_tokens: 9, output_tokens: 1 } } },
    { type: 'message_delta', usage: { input_tokens: 2, cache_read_input_tokens: 7, output_tokens: 5 } },
  ],
  [
    { usageMetadata: { promptTokenCount: 9, cachedContentTokenCount: 4, totalTokenCount: 9 } },
    { usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 5, totalTokenCount: 14 } },
  ],
  { inputTokens: 3, outputTokens: 5, cacheReadInputTokens: 4, cacheDetails: [{ ttl: '1h', inputTokens: 2 }] },
  { meta: { billed_units: { input_tokens: 3, search_units: 1 }, cached_tokens: 2 } },
  { total_input_tokens: 3, total_output_tokens: 4, total_thought_tokens: 2, total_tokens: 9 },
  { inputTextTokenCount: 3, results: [{ tokenCount: 4 }] },
  { type: 'duration', seconds: 3.5 },
  { usage_info: { pages_processed: 4 }, document_annotation: 'x' },
];

const PROVIDERS = ['openai', 'xai', 'anthropic', 'google', 'perplexity', 'openrouter', 'aws', 'mistral', 'x'] as const;
const leaf = fc.oneof(
  { weight: 4, arbitrary: fc.nat(20) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(null, undefined, '7', '', -1, 0.5, Number.NaN, 1e13, [], {}, [null], true),
  },
);

/** Each leaf of a body, and now and then a whole branch, changed by the next value of a list. */
function mutate(value: unknown, next: () => unknown, chance: () => number): unknown {
  if (chance() < 1) return next();
  if (Array.isArray(value)) return value.map((item) => mutate(item, next, chance));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mutate(inner, next, chance)]));
}

function requireSound({ counts, units, parts }: DecodedUsage): void {
  for (const all of [counts, ...parts.map((part) => countsOf(part.counts))]) {
    expect(USAGE_COUNTS.every(({ field }) => Number.isSafeInteger(all[field]) && all[field] >= 0)).toBe(true);
    expect(all.cacheReadTokens + all.cacheWriteTokens).toBeLessThanOrEqual(all.inputTokens);
    expect(all.cacheWrite1hTokens).toBeLessThanOrEqual(all.cacheWriteTokens);
    expect(Math.max(all.reasoningTokens, all.outputAudioTokens)).toBeLessThanOrEqual(all.outputTokens);
    expect(all.inputAudioTokens).toBeLessThanOrEqual(all.inputTokens);
  }
  const totals = new Map<string, number>(USAGE_COUNTS.map(({ field, column }) => [column, counts[field]]));
  for (const { unit, partOf } of USAGE_UNITS) {
    const quantity = units?.[unit];
    if (quantity === undefined) continue;
    expect(Number.isSafeInteger(quantity) && quantity > 0).toBe(true);
    if (partOf !== null && totals.has(partOf)) expect(quantity).toBeLessThanOrEqual(totals.get(partOf) ?? 0);
  }
}

test('a real body in which anything was changed gives numbers that hold together, or an AppError', () => {
  let decodedCount = 0;
  const list = fc.array(leaf, { minLength: 4, maxLength: 8 });
  const chances = fc.array(fc.nat(5), { minLength: 20, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.constantFrom(...BODIES),
      fc.constantFrom(...PROVIDERS),
      list,
      chances,
      (body, provider, values, dice) => {
        let [at, thrown] = [0, 0];
        const next = () => values[at++ % values.length];
        const raw = mutate(body, next, () => dice[thrown++ % dice.length] ?? 1);
        try {
          requireSound(decodeUsage(provider, raw));
          decodedCount++;
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
        }
      },
    ),
    { numRuns: 5000 },
  );
  expect(decodedCount).toBeGreaterThan(500);
});
