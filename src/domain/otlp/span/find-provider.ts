import { normalizeProvider } from '../../pricing/price/provider-name.ts';
import { findWord } from './find-attribute.ts';
import { WORD_NAMES } from '../names/genai-attributes.ts';
import type { Attributes } from '../wire/otlp-span.ts';

/** The provider behind a host. The SDK that calls it may be another vendor's. */
const HOSTS: readonly (readonly [host: RegExp, provider: string])[] = [
  [/(?:^|\.)openrouter\.ai$/, 'openrouter'],
  [/(?:^|\.)deepseek\.com$/, 'deepseek'],
  [/(?:^|\.)groq\.com$/, 'groq'],
  [/(?:^|\.)x\.ai$/, 'x-ai'],
  [/(?:^|\.)mistral\.ai$/, 'mistral'],
  [/(?:^|\.)together\.(?:xyz|ai)$/, 'together'],
  [/(?:^|\.)fireworks\.ai$/, 'fireworks'],
  [/(?:^|\.)cerebras\.ai$/, 'cerebras'],
  [/(?:^|\.)perplexity\.ai$/, 'perplexity'],
  [/(?:^|\.)moonshot\.(?:ai|cn)$/, 'moonshotai'],
  [/(?:^|\.)cohere\.(?:ai|com)$/, 'cohere'],
  [/(?:^|\.)anthropic\.com$/, 'anthropic'],
  [/(?:^|\.)openai\.com$/, 'openai'],
  [/\.azure\.com$/, 'azure'],
  [/\.amazonaws\.com$/, 'aws'],
  [/\.googleapis\.com$/, 'google'],
];

/** The provider of a model, for a provider attribute that is missing or cannot be right. */
const MODELS: readonly (readonly [model: RegExp, provider: string])[] = [
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'google'],
  [/^grok-/, 'x-ai'],
  [/^deepseek-/, 'deepseek'],
  [/^(?:mistral|magistral|ministral|codestral|pixtral)-/, 'mistral'],
  [/^command-/, 'cohere'],
  [/^(?:gpt-\d|chatgpt-|o\d|text-embedding-)/, 'openai'],
];
const OPENAI = 'openai';
const UNKNOWN = 'unknown';

function findIn(table: readonly (readonly [RegExp, string])[], text: string): string | undefined {
  return table.find(([pattern]) => pattern.test(text.toLowerCase()))?.[1];
}

/**
 * Finds the provider that served the call. The provider attribute names the flavor of the
 * telemetry, so every vendor behind an OpenAI-compatible API is reported as `openai`. Therefore a
 * host in the table takes precedence over the attribute, and `openai` yields to a model name of
 * another vendor. Returns `unknown` when nothing identifies the provider.
 */
export function findProvider(attributes: Attributes, model: string): string {
  const host = findIn(HOSTS, findWord(attributes, WORD_NAMES.serverAddress) ?? '');
  if (host !== undefined) return host;
  const named = findWord(attributes, WORD_NAMES.provider);
  const provider = named === undefined ? undefined : normalizeProvider(named);
  if (provider !== undefined && provider !== OPENAI) return provider;
  return findIn(MODELS, model) ?? provider ?? UNKNOWN;
}
