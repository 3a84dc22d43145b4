import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { readLitellmName } from '../../../src/domain/pricing/catalog/litellm/litellm-names.ts';
import { PRICES_FOLDER } from '../../../src/domain/pricing/catalog/load-sources.ts';
import { readCatalog, SHIPPED_AT_MS } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import { readLitellmSource } from '../../../src/domain/pricing/catalog/read-litellm.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';
import { priceUsage } from '../../../src/domain/pricing/price/price-usage.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { anyCounts } from './pricing-counts.ts';

const catalog = await readCatalog();
const book = createPriceBook(catalog);
type Entry = Record<string, number> & { litellm_provider: string };
const raw: [string, Entry][] = Object.entries(
  JSON.parse(await readFile(join(PRICES_FOLDER, 'sources/litellm.json'), 'utf8')),
);

/** LiteLLM's word for a tier of service -> what an event says. */
const TIERS: [word: string, tier: string | null][] = [
  ['', null],
  ['_batches', 'batch'],
  ['_flex', 'flex'],
  ['_priority', 'priority'],
];
const STEPS = [32, 100, 128, 200, 256, 272, 512];

/**
 * The price of a field for a request, by LiteLLM's names alone: of the steps that the input passes the
 * last one that the entry has, in the tier, else in the standard one.
 */
function rate(entry: Entry, field: string, word: string, inputTokens: number): number | undefined {
  // xAI's steps begin at so many tokens, all others above.
  const reached = (k: number) => (entry.litellm_provider === 'xai' ? inputTokens >= k * 1000 : inputTokens > k * 1000);
  const within = (suffix: string) => {
    let found = entry[`${field}${suffix}`];
    // A step above a price that is not stated says nothing.
    if (found === undefined) return undefined;
    for (const k of STEPS) if (reached(k)) found = entry[`${field}_above_${k}k_tokens${suffix}`] ?? found;
    return found;
  };
  const hasTier =
    entry[`${field}${word}`] !== undefined || STEPS.some((k) => `${field}_above_${k}k_tokens${word}` in entry);
  return hasTier ? within(word) : within('');
}

/** What a request costs in USD, worked out from the entry as it stands in the file. */
function costByMap(entry: Entry, word: string, counts: UsageCounts): number {
  const of = (field: string) => rate(entry, field, word, counts.inputTokens);
  const input = of('input_cost_per_token') ?? 0;
  const output = of('output_cost_per_token') ?? 0;
  const readRate = of('cache_read_input_token_cost') ?? of('input_cost_per_token_cache_hit');
  const writeRate = of('cache_creation_input_token_cost') || undefined;
  const hourRate = of('cache_creation_input_token_cost_above_1hr');
  // Reasoning at the price of output is output, in every tier.
  const isOutput = entry.output_cost_per_reasoning_token === entry.output_cost_per_token;
  const reasoningRate = isOutput ? undefined : of('output_cost_per_reasoning_token');
  const write = counts.cacheWriteTokens - counts.cacheWrite1hTokens;
  const searches = Object(entry.search_context_cost_per_query).search_context_size_medium ?? 0;
  return (
    (counts.inputTokens - counts.cacheReadTokens - counts.cacheWriteTokens) * input +
    counts.cacheReadTokens * (readRate ?? input) +
    write * (writeRate ?? input) +
    counts.cacheWrite1hTokens * (hourRate ?? writeRate ?? input) +
    (counts.outputTokens - counts.reasoningTokens) * output +
    counts.reasoningTokens * (reasoningRate ?? output) +
    counts.webSearches * searches
  );
}

interface Checked {
  key: string;
  entry: Entry;
  word: string;
  price: Price;
}

/** The sheets that LiteLLM alone states, each with the entry that it was read from. */
function listChecked(): Checked[] {
  const names = Map.groupBy(raw, ([key, entry]) => {
    const name = readLitellmName(key, entry.litellm_provider);
    return name ? `${name.provider}\n${name.model}` : '';
  });
  return [...names].flatMap(([name, entries]) => {
    const [first] = entries;
    const [provider = '', model = ''] = name.split('\n');
    // Two doors to one model are joined; what has its own hours or steps is checked elsewhere.
    if (name === '' || entries.length > 1 || !first) return [];
    const [key, entry] = first;
    if ('off_peak_pricing' in entry || 'tiered_pricing' in entry || entry.input_cost_per_token === undefined) return [];
    return TIERS.flatMap(([word, serviceTier]) => {
      const price = findPrice(book, { provider, model, timeMs: SHIPPED_AT_MS, serviceTier });
      if (isUnpriced(price) || price.model !== model) return [];
      return price.sources.every(({ name: source }) => source === 'litellm') ? [{ key, entry, word, price }] : [];
    });
  });
}

const checked = listChecked();
/** Fields whose tokens the counts of this test do not have, and searches that are counted as requests. */
const OTHERS = new Set(['google', 'perplexity']);

describe("LiteLLM's map", () => {
  test('prices what only it knows as its own numbers say, for any usage, in every tier of service', () => {
    expect(checked.length).toBeGreaterThan(3_000);
    expect(new Set(checked.map(({ word }) => word)).size).toBe(TIERS.length);
    const check = (given: UsageCounts) => {
      const counts = { ...given, inputAudioTokens: 0, outputAudioTokens: 0 };
      for (const { key, entry, word, price } of checked) {
        const isOther = OTHERS.has(price.provider);
        const asked = isOther ? { ...counts, webSearches: 0 } : counts;
        const requests = price.units.find(({ unit }) => unit === 'requests')?.price ?? '0';
        const theirs = costByMap(entry, word, asked) + Number(requests);
        const ours = Number(priceUsage(price, asked).cost) / 1e18;
        if (Math.abs(ours - theirs) > 1e-9 * Math.abs(theirs)) {
          expect.fail(`${key}${word}: ${ours} USD here, ${theirs} by the map, for ${JSON.stringify(asked)}`);
        }
      }
    };
    fc.assert(fc.property(anyCounts, check), { numRuns: 25 });
  });

  test('is read by its digits: strings as numbers, exponents, and noise beyond eighteen places rounded', () => {
    const text = JSON.stringify({
      sample_spec: { litellm_provider: 'openai', input_cost_per_token: 0 },
      'openai/house': {
        litellm_provider: 'openai',
        mode: 'chat',
        input_cost_per_token: '2.5e-06',
        output_cost_per_token: 1,
      },
    }).replace('"output_cost_per_token":1', '"output_cost_per_token":1.0000000000000001e-07');
    const { models, skipped, rounded } = readLitellmSource(text, 'x');
    expect(
      models.map(({ model, sheets }) => [model, sheets[0]?.units.map(({ unit, price }) => `${unit} ${price}`)]),
    ).toEqual([['house', ['input_tokens 2.5', 'output_tokens 0.1']]]);
    expect(rounded.map(({ given, kept }) => `${given} -> ${kept}`)).toEqual(['1.0000000000000001e-07 -> 0.1']);
    expect(skipped).toEqual([{ key: 'sample_spec', reason: 'names no model' }]);
  });

  test.each([
    ['a price below zero', { input_cost_per_token: -1 }, /number of at least 0/],
    ['a price that is no number', { input_cost_per_token: 'free' }, /number of at least 0/],
    ['no price', { mode: 'chat' }, /no price/],
  ])('leaves out an entry with %s, and says so', (_what, fields, reason) => {
    const text = JSON.stringify({
      house: { litellm_provider: 'openai', ...fields },
      good: { litellm_provider: 'openai', input_cost_per_token: 1 },
    });
    const { models, skipped } = readLitellmSource(text, 'x');
    expect(models.map(({ model }) => model)).toEqual(['good']);
    expect(skipped[0]?.reason).toMatch(reason);
  });

  test('that is cut off is refused as a whole', () => {
    expect(() => readLitellmSource('{"a": {"litellm_provider": "openai", "input_cost', 'x')).toThrow();
  });

  test.each([
    ['vertex_ai/claude-sonnet-5', 'vertex_ai-anthropic_models', 'google claude-sonnet-5'],
    ['gemini/gemini-3.8-flash', 'gemini', 'google gemini-3.8-flash'],
    ['bedrock/us-east-1/anthropic.claude-v1', 'bedrock', 'aws us-east-1/anthropic.claude-v1'],
    ['azure/us/gpt-4.1', 'azure', 'azure us/gpt-4.1'],
    ['azure_ai/Phi-4', 'azure_ai', 'azure phi-4'],
    ['xai/grok-4.7', 'xai', 'x-ai grok-4.7'],
    ['moonshot/kimi-k3', 'moonshot', 'moonshotai kimi-k3'],
    ['together_ai/moonshotai/Kimi-K2.7-Code', 'together_ai', 'together moonshotai/kimi-k2.7-code'],
    // A resale stays the reseller's.
    ['perplexity/anthropic/claude-haiku-5-5', 'perplexity', 'perplexity anthropic/claude-haiku-5-5'],
    ['oci/openai.gpt-5-mini', 'oci', 'oci openai.gpt-5-mini'],
  ])('calls %s of %s what an event does: %s', (key, provider, expected) => {
    const name = readLitellmName(key, provider);
    expect(`${name?.provider} ${name?.model}`).toBe(expected);
  });

  test('gives no names to sizes of images, rented capacity and gateways', () => {
    const keys = [
      ['1024-x-1024/gpt-image-1.5', 'openai'],
      ['bedrock/*/1-month-commitment/cohere.command-text-v14', 'bedrock'],
      ['vercel_ai_gateway/openai/gpt-4o', 'vercel_ai_gateway'],
    ] as const;
    for (const [key, provider] of keys) expect(readLitellmName(key, provider)).toBeNull();
  });
});
