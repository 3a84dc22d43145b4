import { describe, expect, test } from 'vitest';
import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { ruleOfPattern } from '../../../src/domain/pricing/book/match-rule.ts';
import { createPriceBook, setOverrides } from '../../../src/domain/pricing/book/price-book.ts';
import { vendorOfModel } from '../../../src/domain/pricing/price/model-vendor.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';
import { normalizeProvider } from '../../../src/domain/pricing/price/provider-name.ts';
import { ARN, answer, catalog, NOW, SONNET, template } from './names-book.ts';

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
    expect(answer('vercel', 'gpt-4o-house')).toMatch(/^unknown_/);
    expect(answer('vercel', 'my-deployment')).toMatch(/^unknown_/);
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
