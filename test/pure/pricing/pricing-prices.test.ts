import { expect, test } from 'vitest';
import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import { priceUsage } from '../../../src/domain/pricing/price/price-usage.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import type { UsageUnits } from '../../../src/domain/pricing/price/usage-units.ts';
import { formatMoney } from '../../../src/platform/money.ts';
import { counts } from './pricing-counts.ts';

const book = createPriceBook(await readCatalog());
const NOW = '2026-11-20T10:00:00Z';
const MILLION = 1_000_000;

interface Asked extends Partial<UsageCounts> {
  at?: string;
  tier?: string;
  region?: string;
  units?: UsageUnits;
}

/** What usage costs in USD, by the shipped catalog. */
function cost(provider: string, model: string, { at = NOW, tier, region, units, ...given }: Asked): string {
  const timeMs = Date.parse(at);
  const price = findPrice(book, { provider, model, timeMs, serviceTier: tier ?? null, region: region ?? null });
  return isUnpriced(price) ? price.reason : formatMoney(priceUsage(price, counts(given), units ?? null).cost);
}

const input = { inputTokens: MILLION };
const both = { inputTokens: MILLION, outputTokens: MILLION };
const PEAK = { monday: '2026-08-31T02:00:00Z', saturday: '2026-08-29T02:00:00Z', sunday: '2026-08-30T07:00:00Z' };

test.each<[provider: string, model: string, Asked, usd: string, why: string]>([
  // Tiers of service.
  ['openai', 'gpt-5-nano', { tier: 'flex', inputTokens: 1000, outputTokens: 1000 }, '0.000225', 'flex is half'],
  ['openai', 'gpt-5.4-mini', { tier: 'batch', ...both }, '2.625', 'batch is half'],
  ['openai', 'gpt-5.4-mini', { tier: 'priority', ...both }, '10.5', 'priority is twice'],
  ['google', 'gemini-3.8-flash', { tier: 'batch', ...both }, '2.25', 'batch is half'],
  ['anthropic', 'claude-opus-5-5', { tier: 'batch', ...both }, '12', 'batch is half'],
  ['anthropic', 'claude-opus-5-5', { tier: 'fast', ...both }, '48', 'fast is twice'],
  [
    'groq',
    'llama-3.3-70b-versatile',
    { tier: 'flex', inputTokens: 1000, outputTokens: 100 },
    '0.000669',
    'as on demand',
  ],
  ['openai', 'gpt-4o', { tier: 'scale', ...both }, 'no_price_for_service_tier', 'a tier that nobody prices'],
  // Cache writes that are kept for an hour.
  [
    'aws',
    'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
    { inputTokens: MILLION / 10, cacheWriteTokens: MILLION / 10, cacheWrite1hTokens: MILLION / 10 },
    '0.6',
    'twice the input',
  ],
  [
    'aws',
    'us.anthropic.claude-opus-4-6-v1',
    { inputTokens: MILLION / 10, cacheWriteTokens: MILLION / 10, cacheWrite1hTokens: MILLION / 10 },
    '1.1',
    'and a tenth in a region',
  ],
  [
    'google',
    'claude-sonnet-4-6',
    { inputTokens: MILLION / 10, cacheWriteTokens: MILLION / 10, cacheWrite1hTokens: MILLION / 10 },
    '0.6',
    'twice the input',
  ],
  [
    'google',
    'claude-opus-5-5',
    { inputTokens: MILLION / 10, cacheWriteTokens: MILLION / 10, cacheWrite1hTokens: MILLION / 10 },
    '0.8',
    'twice the input',
  ],
  // Audio and images.
  [
    'openai',
    'gpt-4o-audio-preview',
    { inputTokens: 1100, inputAudioTokens: 1000, outputTokens: 210, outputAudioTokens: 200 },
    '0.05635',
    'audio 40 and 80',
  ],
  [
    'openai',
    'gpt-4o-audio-preview-2025-06-03',
    { inputTokens: 1000, inputAudioTokens: 1000 },
    '0.04',
    'a date is the same model',
  ],
  ['openai', 'gpt-4o-mini-audio-preview', { outputTokens: 1000, outputAudioTokens: 1000 }, '0.02', 'audio 20'],
  ['openai', 'gpt-audio-mini', { inputTokens: 1000, inputAudioTokens: 1000 }, '0.01', 'audio 10'],
  [
    'openai',
    'gpt-realtime',
    { inputTokens: 1500, outputTokens: 10, units: { input_image_tokens: 1000 } },
    '0.00716',
    'images at 5',
  ],
  [
    'openai',
    'gpt-realtime',
    {
      inputTokens: 3000,
      cacheReadTokens: 1000,
      inputAudioTokens: 1000,
      outputTokens: 100,
      outputAudioTokens: 80,
      units: { cache_audio_read_tokens: 1000 },
    },
    '0.01384',
    'cached audio at 0.4',
  ],
  [
    'openai',
    'gpt-image-1',
    { inputTokens: 1050, outputTokens: 1056, units: { input_image_tokens: 1000, output_image_tokens: 1056 } },
    '0.05249',
    'image 10, made 40',
  ],
  [
    'google',
    'gemini-2.5-flash-image',
    { inputTokens: 10, outputTokens: 1290, units: { output_image_tokens: 1290 } },
    '0.038703',
    'images at 30',
  ],
  [
    'google',
    'gemini-3.1-flash-image-preview',
    { inputTokens: 20, outputTokens: 1150, units: { output_image_tokens: 1120 } },
    '0.0673',
    'images at 60',
  ],
  [
    'google',
    'gemini-live-2.5-flash',
    { inputTokens: 500, inputAudioTokens: 400, outputTokens: 300, outputAudioTokens: 300 },
    '0.00485',
    'audio 3 and 12',
  ],
  // Hours of the day and days of the week.
  ['deepseek', 'deepseek-v4-flash', { ...input, at: PEAK.saturday }, '0.22', 'Saturdays are off-peak'],
  ['deepseek', 'deepseek-v4-flash', { ...input, at: PEAK.sunday }, '0.22', 'Sundays are off-peak'],
  ['deepseek', 'deepseek-v4-flash', { ...input, at: PEAK.monday }, '0.44', 'Mondays are not'],
  ['deepseek', 'deepseek-v4-pro', { ...input, at: PEAK.saturday }, '0.66', 'Saturdays are off-peak'],
  ['deepseek', 'deepseek-v4-pro', { ...input, at: PEAK.monday }, '1.32', 'Mondays are not'],
  [
    'deepseek',
    'deepseek-v4-flash',
    { ...input, at: '2026-08-22T02:00:00Z' },
    '0.44',
    'the last Saturday that was peak',
  ],
  ['deepseek', 'deepseek-v4-flash', { ...input, at: '2026-08-03T02:00:00Z' }, '0.14', 'before there were hours'],
  ['deepseek', 'deepseek-v4-flash', { ...input, at: '2026-09-10T03:59:59Z' }, '0.44', 'the last second of V4 Flash'],
  ['deepseek', 'deepseek-v4-flash', { ...both, at: NOW }, '0.75', 'V4.1 Flash'],
  ['deepseek', 'deepseek-flash', { ...both, at: '2026-11-18T02:00:00Z' }, '1.5', 'V4.1 Flash at its peak'],
  ['deepseek', 'deepseek-flash', { ...both, at: '2026-11-21T02:00:00Z' }, '0.75', 'and at a weekend'],
  ['deepseek', 'deepseek-v4-flash-vision-exp', { ...both, at: NOW }, '0.75', 'the same model'],
  ['deepseek', 'deepseek-chat', { ...input, at: PEAK.saturday }, '0.22', 'a name of V4 Flash'],
  ['deepseek', 'deepseek-reasoner', { ...input, at: PEAK.monday }, '0.44', 'a name of V4 Flash'],
  ['deepseek', 'deepseek-reasoner', { ...input, at: '2025-06-07T02:00:00Z' }, '0.55', 'R1 by day, any day'],
  ['deepseek', 'deepseek-reasoner', { ...input, at: '2026-02-07T02:00:00Z' }, '0.28', 'V3.2'],
  ['zai', 'glm-5.3-flash', { ...input, at: '2026-09-09T15:59:59Z' }, '0.075', 'half price until 9 September'],
  ['zai', 'glm-5.3-flash', input, '0.15', 'the list price since'],
  // Long contexts.
  [
    'xai',
    'grok-4-fast-reasoning',
    { inputTokens: 200_000, outputTokens: 1000, at: '2025-12-01T00:00:00Z' },
    '0.081',
    'twice from 128,000 on',
  ],
  ['xai', 'grok-4-1-fast', { inputTokens: 128_000 }, '0.0512', 'the edge is within'],
  ['xai', 'grok-4', { inputTokens: 127_999 }, '0.383997', 'and not before'],
  ['xai', 'grok-4.6', { inputTokens: 200_000 }, '0.8', 'exactly 200,000'],
  ['xai', 'grok-4.7', { inputTokens: 200_000 }, '0.8', 'exactly 200,000'],
  ['xai', 'grok-4.20-0309-reasoning', { inputTokens: 1000, outputTokens: 1000 }, '0.00375', 'one of thirty names'],
  [
    'aws',
    'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
    { inputTokens: 250_000, outputTokens: 1000 },
    '1.5225',
    '6 and 22.5',
  ],
  ['google', 'claude-opus-4-6', { inputTokens: 300_000 }, '1.5', 'the whole context at one price'],
  ['openai', 'gpt-6-sol', { inputTokens: 300_000 }, '1.2', 'above 272,000'],
  // Prices and names that moved.
  ['groq', 'openai/gpt-oss-safeguard-20b', both, '0.375', 'not that of gpt-oss-120b'],
  ['mistral', 'mistral-small-latest', both, '0.75', 'Mistral Small 4'],
  ['mistral', 'mistral-large-latest', both, '2', 'Mistral Large 3'],
  ['mistral', 'mistral-large-latest', { ...both, at: '2025-11-01T00:00:00Z' }, '8', 'Mistral Large 2 before'],
  ['anthropic', 'claude-sonnet-5', both, '12', 'not dearer since 1 September'],
  ['anthropic', 'claude-sonnet-5-5', { ...input, cacheReadTokens: MILLION }, '0.1', 'not the rule of sonnet-5'],
  [
    'anthropic',
    'claude-sonnet-5-20260630',
    { inputTokens: 1000, outputTokens: 100 },
    '0.003',
    'a date is the same model',
  ],
  ['aws', 'amazon.titan-embed-text-v2:0', input, '0.02', 'not the rule of v1'],
  ['openai', 'o3', { ...both, at: '2025-06-01T00:00:00Z' }, '50', 'before its price fell'],
  [
    'openai',
    'gpt-5.6-luna',
    { inputTokens: 1000, outputTokens: 1000, at: '2026-07-29T23:59:50Z' },
    '0.007',
    'before 30 July',
  ],
  [
    'groq',
    'openai/gpt-oss-120b',
    { inputTokens: 2000, cacheReadTokens: 1900, outputTokens: 100 },
    '0.0002175',
    'cached at half',
  ],
  // Searches and citations.
  ['openai', 'o3-deep-research', { inputTokens: 1000, outputTokens: 100, webSearches: 3 }, '0.044', 'a cent a search'],
  ['openai', 'o4-mini-deep-research-2025-06-26', { webSearches: 100 }, '1', 'a cent a search'],
  [
    'perplexity',
    'sonar-deep-research',
    {
      inputTokens: 100,
      outputTokens: 73_000,
      reasoningTokens: 70_000,
      webSearches: 70,
      units: { output_citation_tokens: 7000 },
    },
    '0.5982',
    'reasoning and citations beside',
  ],
  ['perplexity', 'sonar-pro', both, '18.006', 'the fee of a request with a small context'],
  ['google', 'gemini-2.5-flash', { units: { grounding_queries: 2 } }, '0.07', '35 for a thousand'],
  ['google', 'gemini-3.8-flash', { units: { grounding_queries: 2 } }, '0.028', '14 for a thousand'],
  // Where it runs.
  ['anthropic', 'claude-opus-4-6', { region: 'us', inputTokens: 1000, outputTokens: 100 }, '0.00825', 'a tenth more'],
  ['anthropic', 'claude-haiku-5-5', { region: 'us', inputTokens: 1000 }, '0.00011', 'a tenth more'],
  ['anthropic', 'claude-opus-5-5', { region: 'us', tier: 'batch', ...both }, '13.2', 'on top of batch'],
  ['anthropic', 'claude-sonnet-4-5', { region: 'us', inputTokens: 1000 }, '0.003', 'not of older models'],
  ['aws', 'anthropic.claude-sonnet-4-6', input, '3.3', 'a bare id is in one region'],
  ['aws', 'us.amazon.nova-lite-v1:0', input, '0.06', 'Nova in the US'],
  ['aws', 'eu.amazon.nova-lite-v1:0', input, '0.078', 'Nova in the EU'],
  ['aws', 'apac.amazon.nova-pro-v1:0', input, '0.84', 'Nova in Asia'],
  ['azure', 'us/gpt-4.1-2025-04-14', input, '2.2', "a data zone's tenth"],
  ['aws', 'meta.llama3-1-70b-instruct-v1:0', { inputTokens: 1000, outputTokens: 500 }, '0.00108', 'Llama on Bedrock'],
  ['voyageai', 'voyage-3.5', { inputTokens: 800 }, '0.000048', 'embeddings'],
])('%s %s %j costs %s USD: %s', (provider, model, asked, usd) => {
  expect(cost(provider, model, asked)).toBe(usd);
});
