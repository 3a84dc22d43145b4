import { describe, expect, test } from 'vitest';
import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { listExactNames, ruleOfPattern } from '../../../src/domain/pricing/book/match-rule.ts';
import { createPriceBook, setOverrides } from '../../../src/domain/pricing/book/price-book.ts';
import { readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import { vendorOfModel } from '../../../src/domain/pricing/price/model-vendor.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';
import { normalizeProvider } from '../../../src/domain/pricing/price/provider-name.ts';

const catalog = await readCatalog();
const NOW = Date.UTC(2026, 10, 20, 10);
const [template] = catalog.prices;
if (!template) throw new Error('The catalog is empty');

/** Models that only another source lists, by their exact names. */
const EXACT = [
  ['anthropic', 'claude-house-9'],
  ['aws', 'anthropic.claude-house-9'],
  ['aws', 'moonshotai.kimi-house'],
  ['azure', 'us/gpt-house-zone'],
  ['google', 'claude-house-9'],
  ['openai', 'gpt-9-house'],
  ['openai', 'ft:gpt-9-house-2026-04-14'],
  ['zhipuai', 'glm-house'],
] as const;
const exact = EXACT.map(([provider, model], index) => ({
  ...template,
  id: `exact-${index}`,
  provider,
  model,
  match: ruleOfPattern(model),
  ordinal: 1_000_000 + index,
}));
const book = createPriceBook({ ...catalog, prices: [...catalog.prices, ...exact] });

/** `provider model` of the sheet that answers, or the reason why none does. */
function answer(provider: string, model: string): string {
  const found = findPrice(book, { provider, model, timeMs: NOW });
  return isUnpriced(found) ? found.reason : `${found.provider} ${found.model}`;
}

const PROJECT = 'projects/p-1/locations/europe-west1/publishers';
const ARN = 'arn:aws:bedrock:us-east-1';
const SONNET = 'anthropic.claude-sonnet-4-5-20250929-v1:0';

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
  });

  test('a data zone of Azure has its own price or none', () => {
    expect(answer('azure', 'us/gpt-house-zone')).toBe('azure us/gpt-house-zone');
    expect(answer('azure', 'eu/gpt-4o')).toBe('unknown_model');
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
    ['google', 'gemini-3.8-flash-cyber'],
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
    const wrong: string[] = [];
    let names = 0;
    const listed = new Map<string, Set<string>>();
    for (const { provider, model, match } of catalog.prices) {
      for (const name of [model, ...listExactNames(match)]) {
        const key = `${provider}\n${name}`;
        listed.set(key, (listed.get(key) ?? new Set()).add(`${provider} ${model}`));
      }
    }
    for (const [key, models] of listed) {
      const [provider = '', name = ''] = key.split('\n');
      const found = answer(provider, name);
      names++;
      if (!models.has(found) && !found.startsWith('no_price')) wrong.push(`${key} ${found}`);
    }
    expect(wrong).toEqual([]);
    expect(names).toBeGreaterThan(2_000);
  });
});

describe('the vendor behind', () => {
  test.each([
    'vercel',
    'vercel_ai_gateway',
    'gateway',
    'AI Gateway',
    'litellm_proxy',
    'litellm',
    'portkey',
    'helicone',
    'bifrost',
    'kong',
    'cloudflare',
  ])('the gateway %s is in the model’s name, and its price counts', (gateway) => {
    expect(answer(gateway, 'openai/gpt-4o-mini')).toBe('openai gpt-4o-mini');
    expect(answer(gateway, 'anthropic/claude-sonnet-4.5')).toBe('anthropic claude-sonnet-4-5');
    expect(answer(gateway, 'google/gemini-2.5-flash')).toBe('google gemini-2.5-flash');
    expect(answer(gateway, `bedrock/us.${SONNET}`)).toBe(`aws regional.${SONNET}`);
    expect(answer(gateway, 'acme/gpt-4o-mini')).toMatch(/^unknown_/);
  });

  test('a gateway that does not name it is the one maker who lists exactly that name', () => {
    expect(answer('vercel', 'gpt-4o-mini')).toBe('openai gpt-4o-mini');
    expect(answer('litellm', 'claude-sonnet-4-5')).toBe('anthropic claude-sonnet-4-5');
    expect(answer('litellm', `us.${SONNET}`)).toBe(`aws regional.${SONNET}`);
    expect(answer('vercel', 'gpt-4o-house')).toBe('unknown_provider');
    expect(answer('vercel', 'my-deployment')).toBe('unknown_provider');
  });

  test.each([
    'langchain',
    'LlamaIndex',
    'strands-agents',
    'crewai',
    'semantic_kernel',
    'pydantic-ai',
    'dspy',
    'gcp.vertex.agent',
    'Haystack',
    'autogen',
  ])('the library %s is found by the model', (library) => {
    expect(answer(library, 'gpt-4o-mini')).toBe('openai gpt-4o-mini');
    expect(answer(library, 'claude-sonnet-4-5-20250929')).toBe('anthropic claude-sonnet-4-5');
    expect(answer(library, `us.${SONNET}`)).toBe(`aws regional.${SONNET}`);
    expect(answer(library, 'mistral/codestral')).toBe('mistral codestral');
    expect(answer(library, 'my-model')).toBe('unknown_provider');
  });

  test('an unknown provider is not guessed from the model', () => {
    expect(answer('acme', 'gpt-4o')).toBe('unknown_provider');
    expect(answer('my-openai-proxy', 'openai/gpt-4o')).toBe('unknown_provider');
  });

  test('zai and zhipuai sell the same models: each list is read for the other', () => {
    expect(answer('zai', 'glm-house')).toBe('zhipuai glm-house');
    expect(answer('zhipuai', 'glm-5.3')).toMatch(/ glm-5\.3$/);
  });

  test.each([
    ['us.anthropic.claude-opus-4-6-v1', 'aws'],
    ['anthropic.claude-3-haiku-20240307-v1:0', 'aws'],
    ['amazon.nova-lite-v1:0', 'aws'],
    [`${ARN}:123456789012:application-inference-profile/abc`, 'aws'],
    ['Claude-Sonnet-5', 'anthropic'],
    ['gpt-5-mini', 'openai'],
    ['o3', 'openai'],
    ['o4-mini', 'openai'],
    ['chatgpt-4o-latest', 'openai'],
    ['text-embedding-3-small', 'openai'],
    ['ft:gpt-4o-2024-08-06:acme::x', 'openai'],
    ['gemini-2.5-pro', 'google'],
    ['models/gemini-2.5-pro', 'google'],
    ['text-embedding-005', 'google'],
    ['mistral-large-latest', 'mistral'],
    ['grok-4.6', 'x-ai'],
    ['command-a-03-2025', 'cohere'],
    ['sonar-pro', 'perplexity'],
    ['voyage-3', 'voyageai'],
    ['kimi-k2.5', 'moonshotai'],
    ['glm-5.3', 'zai'],
    ['accounts/fireworks/models/kimi-k3', 'fireworks'],
    ['@cf/meta/llama-3-8b', 'cloudflare'],
    ['groq/openai/gpt-oss-120b', 'groq'],
    ['anthropic/claude-sonnet-5', 'anthropic'],
    ['gpt-oss-120b', null],
    ['llama3.1:8b', null],
    ['meta-llama/llama-3-8b', null],
    ['o365-model', null],
    ['my-claude', null],
    ['', null],
  ])('%s is %s', (model, vendor) => {
    expect(vendorOfModel(model)).toBe(vendor);
  });
});

test.each([
  [
    'google',
    'google-vertexai google_vertexai google-anthropic-vertex anthropic-vertex vertex_ai-anthropic_models vertex_ai-llama_models google.vertex.chat googleVertex.anthropic.messages ChatVertexAI ChatGoogleGenerativeAI gcp.vertex_ai',
  ],
  [
    'aws',
    'bedrock_mantle amazon-bedrock.messages bedrock.anthropic.messages anthropic-bedrock ChatBedrockConverse amazon_bedrock aws.bedrock',
  ],
  ['azure', 'azure_ai azure_text azure.ai.inference AzureChatOpenAI azure-openai.responses az.ai.inference'],
  ['fireworks', 'fireworks_ai fireworks_ai-embedding-models ChatFireworks fireworks.chat'],
  ['openai', 'openai.image openai.speech openai.transcription ChatOpenAI text-completion-openai'],
  ['x-ai', 'xai.chat xai.responses x_ai ChatXAI'],
  ['mistral', 'codestral text-completion-codestral mistral.chat ChatMistralAI mistral_ai'],
  ['cohere', 'cohere_chat cohere.textEmbedding ChatCohere'],
  ['github-copilot', 'github github_copilot copilot'],
  ['zhipuai', 'bigmodel ChatZhipuAI'],
  ['moonshotai', 'moonshot moonshot_ai'],
  ['voyageai', 'voyage'],
])('%s is known by the names that LiteLLM, LangChain, OpenTelemetry and the AI SDK give it', (id, spellings) => {
  for (const spelling of spellings.split(' '))
    expect(`${spelling} ${normalizeProvider(spelling)}`).toBe(`${spelling} ${id}`);
});

test('gateways and libraries keep their own names', () => {
  for (const name of ['vercel', 'litellm_proxy', 'langchain', 'gcp.vertex.agent', 'gateway'])
    expect(normalizeProvider(name)).toBe(name);
});

test('an own price holds for every spelling that only says where the model is served', () => {
  const own = createPriceBook(catalog);
  const made = (provider: string, model: string): Price => ({
    ...template,
    id: model,
    organizationId: 'a',
    provider,
    model,
    match: ruleOfPattern(model),
  });
  setOverrides(own, 'a', [
    made('google', 'gemini-2.5-flash'),
    made('openai', 'gpt-4o*'),
    made('vercel', 'acme/house'),
    made('aws', SONNET),
  ]);
  const find = (provider: string, model: string) => {
    const found = findPrice(own, { organizationId: 'a', provider, model, timeMs: NOW });
    return !isUnpriced(found) && found.organizationId === 'a';
  };
  expect(find('google', 'models/gemini-2.5-flash')).toBe(true);
  expect(find('litellm', 'gemini/gemini-2.5-flash')).toBe(true);
  expect(find('vercel', 'openai/gpt-4o-mini')).toBe(true);
  expect(find('vercel', 'acme/house')).toBe(true);
  expect(find('aws', `${ARN}::foundation-model/${SONNET}`)).toBe(true);
  expect(find('aws', `us.${SONNET}`)).toBe(false);
  expect(find('azure', 'gpt-4o')).toBe(false);
});
