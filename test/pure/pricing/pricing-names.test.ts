import { describe, expect, test } from 'vitest';
import { listExactNames } from '../../../src/domain/pricing/book/match-rule.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { ARN, answer, everything, SONNET } from './names-book.ts';

const PROJECT = 'projects/p-1/locations/europe-west1/publishers';

describe('a prefix or suffix that says only where a model is served is no part of its name:', () => {
  test.each([
    [
      'google gemini-2.5-flash',
      'google',
      ['models/gemini-2.5-flash', 'google/gemini-2.5-flash', 'gemini/gemini-2.5-flash'],
    ],
    [
      'google gemini-2.5-flash',
      'vertex_ai',
      ['publishers/google/models/gemini-2.5-flash', 'vertex_ai/gemini-2.5-flash'],
    ],
    ['google gemini-2.5-flash', 'google', [`${PROJECT}/google/models/gemini-2.5-flash`, 'GEMINI-2.5-Flash@default']],
    ['google claude-sonnet-4-5', 'google', [`${PROJECT}/anthropic/models/claude-sonnet-4-5@20250929`]],
    [
      'google claude-sonnet-4-5',
      'google',
      ['publishers/anthropic/models/claude-sonnet-4-5', 'claude-sonnet-4-5@latest'],
    ],
    ['openai gpt-4o', 'openai', ['openai/gpt-4o', 'openai:gpt-4o', 'OpenAI/GPT-4o', 'gpt-4o-2024-08-06']],
    [
      'anthropic claude-sonnet-4-5',
      'anthropic',
      ['anthropic/claude-sonnet-4-5', 'claude-sonnet-4.5', 'anthropic:claude-sonnet-4-5'],
    ],
    ['anthropic claude-opus-4-6', 'anthropic', ['claude-opus-4-6[1m]', 'anthropic/claude-opus-4.6']],
    ['x-ai grok-4.6', 'xai', ['xai/grok-4.6', 'x-ai/grok-4.6']],
    ['openai gpt-4o', 'azure', ['openai/gpt-4o', 'global/gpt-4o', 'global-standard/gpt-4o', 'azure/gpt-4o']],
    [
      'openrouter anthropic/claude-sonnet-4.5',
      'openrouter',
      ['nitro', 'floor', 'online', 'exacto', 'thinking'].map((way) => `anthropic/claude-sonnet-4.5:${way}`),
    ],
    [
      'openrouter anthropic/claude-sonnet-4.5',
      'openrouter',
      ['openrouter/anthropic/claude-sonnet-4.5', 'openrouter/anthropic/claude-sonnet-4.5:nitro'],
    ],
  ])('%s, at %s', (expected, provider, names) => {
    expect(names.map((name) => answer(provider, name))).toEqual(names.map(() => expected));
  });

  test('resources of AWS are the models that they name, and those that hide it are unpriced', () => {
    const regional = 'aws regional.anthropic.claude-sonnet-4-5-20250929-v1:0';
    for (const known of [
      SONNET,
      `us.${SONNET}`,
      `eu.${SONNET}`,
      `bedrock/us.${SONNET}`,
      `converse/us.${SONNET}`,
      `bedrock/us-east-1/${SONNET}`,
      `${ARN}::foundation-model/${SONNET}`,
      `${ARN}:123456789012:inference-profile/us.${SONNET}`,
      `arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.${SONNET}`,
    ]) {
      expect(`${known} ${answer('aws', known)}`).toBe(`${known} ${regional}`);
    }
    expect(answer('bedrock', `${ARN}:123456789012:inference-profile/global.${SONNET}`)).toBe(`aws global.${SONNET}`);
    for (const hidden of [
      `${ARN}:123456789012:application-inference-profile/abc123def456`,
      `${ARN}:123456789012:provisioned-model/abc123`,
      `${ARN}:123456789012:custom-model/${SONNET}/abc123`,
      `${ARN}:123456789012:imported-model/abc123`,
      `${ARN}:123456789012:application-inference-profile/${SONNET}`,
    ]) {
      expect(answer('aws', hidden)).toBe('unknown_model');
    }
  });

  test('a profile for a part of the world is the model of its region; the one for the whole world is not', () => {
    expect(answer('aws', 'us.anthropic.claude-house-9')).toBe('aws anthropic.claude-house-9');
    expect(answer('aws', 'eu.moonshotai.kimi-house')).toBe('aws moonshotai.kimi-house');
    expect(answer('aws', 'global.anthropic.claude-house-9')).toBe('unknown_model');
    expect(answer('aws', 'us-gov.anthropic.claude-house-9')).toBe('unknown_model');
    expect(answer('aws', 'us-gov.amazon.nova-lite-v1:0')).toBe('unknown_model');
    expect(answer('aws', 'global.amazon.nova-lite-v1:0')).toBe('unknown_model');
    expect(answer('aws', 'us.amazon.nova-lite-v1:0')).toBe('aws amazon.nova-lite-v1:0');
  });

  test('a data zone of Azure has its own price or none', () => {
    expect(answer('azure', 'us/gpt-house-zone')).toBe('azure us/gpt-house-zone');
    expect(answer('azure', 'eu/gpt-9-house')).toBe('unknown_model');
  });

  test('OpenRouter’s free and extended models have prices of their own or none', () => {
    expect(answer('openrouter', 'anthropic/claude-sonnet-4.5:free')).toBe('unknown_model');
    expect(answer('openrouter', 'anthropic/claude-sonnet-4.5:extended')).toBe('unknown_model');
    expect(answer('openrouter', 'google/gemini-3.8-flash')).toBe('google gemini-3.8-flash');
    expect(answer('openrouter', 'x-ai/grok-4.6')).toBe('x-ai grok-4.6');
  });
});

describe('after a known name a date or a version may follow, and nothing that makes another model:', () => {
  test.each([
    ['anthropic', 'claude-sonnet-5-20260630', 'anthropic claude-sonnet-5'],
    ['anthropic', 'claude-sonnet-5@20260630', 'anthropic claude-sonnet-5'],
    ['anthropic', 'claude-3-5-sonnet-latest', 'anthropic claude-3-5-sonnet'],
    ['anthropic', 'claude-house-9-20260630', 'anthropic claude-house-9'],
    ['google', 'claude-house-9@20260630', 'google claude-house-9'],
    ['google', 'claude-house-9@default', 'google claude-house-9'],
    ['aws', 'anthropic.claude-house-9-20260630-v1:0', 'aws anthropic.claude-house-9'],
    ['openai', 'gpt-9-house-2026-04-14', 'openai gpt-9-house'],
    ['openai', 'ft:gpt-9-house-2026-04-14:acme:name:abc123', 'openai ft:gpt-9-house-2026-04-14'],
    ['openai', 'ft:gpt-4o-2024-08-06:acme::abc123', 'openai ft:gpt-4o'],
    ['openai', 'omni-moderation-2024-09-26', 'openai moderation'],
    ['google', 'gemini-1.5-pro-002', 'google gemini-1.5-pro'],
    ['google', 'gemini-2.5-pro-preview-05-06', 'google gemini-2.5-pro'],
    ['aws', 'amazon.nova-lite-v1:0:300k', 'aws amazon.nova-lite-v1:0'],
    ['aws', 'amazon.titan-embed-text-v1', 'aws amazon.titan-embed-text-v1'],
  ])('%s %s is %s', (provider, model, expected) => {
    expect(answer(provider, model)).toBe(expected);
  });

  test.each([
    ['aws', 'amazon.titan-embed-text-v9:0'],
    ['anthropic', 'claude-sonnet-5-9'],
    ['anthropic', 'claude-sonnet-5.9'],
    ['anthropic', 'claude-opus-4-6-fast'],
    ['anthropic', 'claude-haiku-4-5-mini'],
    ['aws', 'us.anthropic.claude-sonnet-5-9'],
    ['aws', 'my-amazon.nova-lite-v1:0'],
    ['azure', 'o4-mini-house'],
    ['azure', 'my-o4-mini'],
    ['deepseek', 'deepseek-chat-v9'],
    ['deepseek', 'deepseek-r1-distill-llama-70b'],
    ['google', 'gemini-1.5-flash-9b'],
    ['google', 'gemini-2.5-pro-house'],
    ['google', 'gemini-3.8-flash-tts'],
    ['google', 'gemini-3.8-flash-house'],
    ['openai', 'gpt-4o-house'],
    ['openai', 'gpt-4o-2099-01-01'],
    ['openai', 'gpt-4o-2024-08-07'],
    ['openai', 'gpt-4o-realtime-house'],
    ['openai', 'my-moderation-gpt'],
    ['openai', 'gpt-9-house-2099-01-01'],
    ['moonshotai', 'kimi-k2.5-house'],
  ])('%s %s is unpriced', (provider, model) => {
    expect(answer(provider, model)).toBe('unknown_model');
  });

  test('every name that the catalog lists is answered by the model that lists it', () => {
    const book = createPriceBook(everything);
    const wrong: string[] = [];
    let names = 0;
    const listed = new Map<string, Set<string>>();
    for (const { provider, model, match } of everything.prices) {
      for (const name of [model, ...listExactNames(match)]) {
        const key = `${provider}\n${name}`;
        listed.set(key, (listed.get(key) ?? new Set()).add(`${provider} ${model}`));
      }
    }
    for (const [key, models] of listed) {
      const [provider = '', name = ''] = key.split('\n');
      const found = answer(provider, name, book);
      names++;
      if (!models.has(found) && !found.startsWith('no_price')) wrong.push(`${key} ${found}`);
    }
    expect(wrong).toEqual([]);
    expect(names).toBeGreaterThan(2_000);
  });
});
