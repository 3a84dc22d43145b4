import { waitForUpdate } from '@pydantic/genai-prices';
import { describe, expect, test } from 'vitest';
import { findPrice, isUnpriced, type PriceQuery } from '../../../src/domain/pricing/book/match-price.ts';
import { ruleOfPattern } from '../../../src/domain/pricing/book/match-rule.ts';
import { createPriceBook, setOverrides } from '../../../src/domain/pricing/book/price-book.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';
import { normalizeProvider } from '../../../src/domain/pricing/price/provider-name.ts';
import { isStandardTier } from '../../../src/domain/pricing/price/service-tier.ts';
import { genaiCatalog } from './genai-catalog.ts';

const catalog = genaiCatalog;
const data = (await waitForUpdate()) ?? [];
const NOW = Date.UTC(2026, 10, 22, 10);
const book = createPriceBook(catalog);

/** `provider model` of the sheet that answers, or the reason why none does. */
function answer(query: Partial<PriceQuery>, from = book): string {
  const found = findPrice(from, { provider: 'openai', model: 'gpt-4o', timeMs: NOW, ...query });
  return isUnpriced(found) ? found.reason : `${found.provider} ${found.model}`;
}

describe('a provider name', () => {
  test.each([
    ['azure', ['azure.ai.openai', 'azure_openai', 'az.ai.openai', 'azure.ai.inference', ' Azure OpenAI ', 'azure']],
    ['aws', ['aws.bedrock', 'bedrock', 'amazon-bedrock', 'AWS Bedrock', 'bedrock_converse']],
    [
      'google',
      [
        'gcp.gemini',
        'gcp.vertex_ai',
        'gcp.gen_ai',
        'gemini',
        'vertex_ai',
        'vertexai',
        'google_vertex',
        'google.generative-ai',
      ],
    ],
    ['x-ai', ['x_ai', 'xai', 'xAI', 'x-ai']],
    ['mistral', ['mistral_ai', 'mistralai', 'Mistral AI']],
    ['moonshotai', ['moonshot_ai', 'moonshot', 'MoonshotAI']],
    ['fireworks', ['fireworks_ai', 'fireworks-ai', 'Fireworks']],
    ['together', ['together_ai', 'togetherai', 'together.ai']],
    ['huggingface_groq', ['huggingface/groq', 'Hugging Face groq', 'huggingface_groq']],
    ['openai', ['OpenAI', 'openai.chat', 'openai.responses']],
    ['perplexity', ['perplexity', 'Perplexity AI']],
  ])('%s is known in every spelling', (id, spellings) => {
    for (const spelling of spellings) expect(normalizeProvider(spelling)).toBe(id);
  });

  test('of the catalog is its own normal form', () => {
    for (const { id } of data) expect(normalizeProvider(id)).toBe(id);
  });

  test('that is unknown is kept, trimmed and in lower case', () => {
    expect(normalizeProvider(' My_Own.Proxy ')).toBe('my_own.proxy');
    expect(normalizeProvider('my-openai-proxy')).toBe('my-openai-proxy');
    expect(normalizeProvider('ibm.watsonx.ai')).toBe('ibm.watsonx.ai');
    expect(normalizeProvider('litellm')).toBe('litellm');
  });
});

describe('a price', () => {
  test.each<[string, Partial<PriceQuery>]>([
    ['openai gpt-4o', {}],
    ['openai gpt-4o', { model: ' GPT-4o ' }],
    ['openai gpt-4o', { model: 'gpt-4o-2024-08-06' }],
    ['openai gpt-4o', { provider: 'azure.ai.openai' }],
    ['google claude-sonnet-4-5', { provider: 'gcp.vertex_ai', model: 'claude-sonnet-4-5@20250929' }],
    ['anthropic claude-2', { provider: 'gcp.vertex_ai', model: 'claude-2' }],
    ['openai gpt-4o', { provider: 'litellm', model: 'openai/gpt-4o' }],
    ['mistral codestral', { provider: 'mistral', model: 'codestral' }],
  ])('is that of %s for %j', (expected, query) => {
    expect(answer(query)).toBe(expected);
  });

  test.each<[string, Partial<PriceQuery>]>([
    ['unknown_model', { model: 'gpt-4o-2099-01-01' }],
    ['unknown_model', { model: 'gpt-4p' }],
    ['unknown_model', { model: '' }],
    ['unknown_provider', { provider: 'acme' }],
    ['unknown_provider', { provider: 'acme', model: 'claude-sonnet-4-5' }],
    ['unknown_provider', { provider: 'litellm', model: 'acme/gpt-4o' }],
    ['no_price_for_service_tier', { serviceTier: 'batch' }],
    ['no_price_for_service_tier', { serviceTier: 'Priority' }],
    ['unknown_model', { model: 'gpt-4p', serviceTier: 'flex' }],
  ])('is refused as %s, never 0, for %j', (reason, query) => {
    expect(answer(query)).toBe(reason);
  });

  test('is found again after more unknown names than are remembered, and the memory they take is bounded', () => {
    for (let i = 0; i < 20_000; i++) findPrice(book, { provider: 'openai', model: `none-${i}`, timeMs: NOW });
    expect(book.cache.size).toBeLessThan(10_000);
    expect(answer({})).toBe('openai gpt-4o');
  });

  test('of a daily window holds from its start to before its end', () => {
    const at = (hours: number, minutes: number, ms = 0) =>
      findPrice(book, {
        provider: 'deepseek',
        model: 'deepseek-chat',
        timeMs: Date.UTC(2026, 10, 22, hours, minutes) + ms,
      });
    expect(at(0, 30)).not.toEqual(at(0, 30, -1));
    expect(at(16, 30, -1)).toEqual(at(0, 30));
    expect(at(16, 30)).toEqual(at(0, 30, -1));
  });
});

describe('a service tier', () => {
  test('is standard only by a name that says so', () => {
    const standard = [null, undefined, '', 'standard', 'Default', 'auto', 'on_demand', 'ON-DEMAND', 'standard_only'];
    expect(standard.filter((tier) => !isStandardTier(tier))).toEqual([]);
    const others = [
      'batch',
      'flex',
      'priority',
      'scale',
      'priority_on_demand',
      'reserved',
      'provisioned_throughput',
      'new',
    ];
    expect(others.filter(isStandardTier)).toEqual([]);
  });
});

describe('an override', () => {
  const ORGANIZATION = 'a';
  let made = 0;
  function override(pattern: string, more: Partial<Price> = {}): Price {
    const [template] = catalog.prices;
    if (!template) throw new Error('The catalog is empty');
    const ordinal = made++;
    const match = ruleOfPattern(pattern);
    const provider = 'openai';
    return {
      ...template,
      id: `${ordinal}`,
      organizationId: ORGANIZATION,
      provider,
      model: pattern,
      match,
      ordinal,
      ...more,
    };
  }
  function answerWith(overrides: Price[], query: Partial<PriceQuery> = {}): string {
    const own = createPriceBook(catalog);
    setOverrides(own, ORGANIZATION, overrides);
    expect(answer({ ...query, organizationId: 'b' }, own)).toBe(answer({ ...query }));
    return answer({ organizationId: ORGANIZATION, ...query }, own);
  }

  test('goes before the catalog, for its organization alone', () => {
    expect(answerWith([override('GPT-4o')], { model: 'gpt-4o' })).toBe('openai GPT-4o');
    expect(answerWith([override('gpt-4o')], { model: 'gpt-4o-mini' })).toBe('openai gpt-4o-mini');
  });

  test('for a pattern takes every name that starts so, and an exact name or a longer pattern goes before it', () => {
    const all = [override('gpt-4o'), override('gpt-4*'), override('gpt-4o-*'), override('*')];
    expect(answerWith(all)).toBe('openai gpt-4o');
    expect(answerWith(all, { model: 'gpt-4o-mini' })).toBe('openai gpt-4o-*');
    expect(answerWith(all, { model: 'gpt-4.1' })).toBe('openai gpt-4*');
    expect(answerWith(all, { model: 'never-heard-of' })).toBe('openai *');
    expect(answerWith(all, { provider: 'anthropic', model: 'never-heard-of' })).toBe('unknown_model');
  });

  test('holds within its time, and the later made one wins', () => {
    const [first, second] = [override('gpt-4o*', { validTo: NOW }), override('gpt-4o*', { validFrom: NOW + 10 })];
    expect(answerWith([second, first], { timeMs: NOW - 1 })).toBe('openai gpt-4o*');
    expect(answerWith([second, first], { timeMs: NOW })).toBe('openai gpt-4o');
    expect(answerWith([second, first], { timeMs: NOW + 10 })).toBe('openai gpt-4o*');
    const own = createPriceBook(catalog);
    const [earlier, later] = [override('gpt-4o'), override('gpt-4o')];
    setOverrides(own, ORGANIZATION, [later, earlier]);
    const found = findPrice(own, { organizationId: ORGANIZATION, provider: 'openai', model: 'gpt-4o', timeMs: NOW });
    expect(found).toBe(later);
  });

  test('prices a provider and a model that the catalog does not know', () => {
    expect(answerWith([override('house-1', { provider: 'acme' })], { provider: 'Acme', model: 'house-1' })).toBe(
      'acme house-1',
    );
    expect(
      answerWith([override('house-1', { provider: 'acme', validTo: 0 })], { provider: 'acme', model: 'house-1' }),
    ).toBe('no_price_at_time');
  });

  test('of a service tier prices that tier only, and goes before one without a tier, which prices them all', () => {
    const batch = override('gpt-4o*', { serviceTier: 'batch' });
    expect(answerWith([batch], { serviceTier: 'BATCH' })).toBe('openai gpt-4o*');
    expect(answerWith([batch])).toBe('openai gpt-4o');
    expect(answerWith([batch], { serviceTier: 'flex' })).toBe('no_price_for_service_tier');
    expect(answerWith([override('gpt-4o*')], { serviceTier: 'batch' })).toBe('openai gpt-4o*');
    const longer = override('gpt-4*', { serviceTier: 'batch' });
    const of = (pattern: string, tier: string | null) => override(pattern, { serviceTier: tier });
    for (const all of [
      [of('gpt-4o', null), of('GPT-4o', 'batch')],
      [of('GPT-4o', 'batch'), of('gpt-4o', null)],
    ]) {
      expect(answerWith([longer, ...all], { serviceTier: 'batch' })).toBe('openai GPT-4o');
      expect(answerWith([longer, ...all], { serviceTier: 'flex' })).toBe('openai gpt-4o');
    }
    expect(answerWith([longer, of('gpt-4o', null)], { serviceTier: 'batch' })).toBe('openai gpt-4o');
    expect(answerWith([of('GPT-4o', 'standard')], { serviceTier: 'on-demand' })).toBe('openai GPT-4o');
    expect(answerWith([of('GPT-4o', 'standard')], { serviceTier: 'batch' })).toBe('no_price_for_service_tier');
  });

  test('with a price finer than money is kept to is refused, and the former ones stay', () => {
    const own = createPriceBook(catalog);
    setOverrides(own, ORGANIZATION, [override('mine')]);
    const fine = override('mine', {
      units: [{ unit: 'input_tokens', price: '0.0000000000001', per: 1_000_000, tiers: [] }],
    });
    expect(() => setOverrides(own, ORGANIZATION, [fine])).toThrow(RangeError);
    expect(answer({ organizationId: ORGANIZATION, model: 'mine' }, own)).toBe('openai mine');
    setOverrides(own, ORGANIZATION, []);
    expect(answer({ organizationId: ORGANIZATION, model: 'mine' }, own)).toBe('unknown_model');
  });
});
