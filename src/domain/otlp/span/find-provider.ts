import { vendorOfModel } from '../../pricing/price/model-vendor.ts';
import { normalizeProvider } from '../../pricing/price/provider-name.ts';
import { isFramework, isGateway } from '../../pricing/price/relay-names.ts';
import { WORD_NAMES } from '../names/word-names.ts';
import type { Attributes, OtlpSpan } from '../wire/otlp-span.ts';
import { findWord } from './find-attribute.ts';

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
  [/(?:^|\.)voyageai\.com$/, 'voyageai'],
  [/(?:^|\.)z\.ai$/, 'zai'],
  [/(?:^|\.)minimax\.io$/, 'minimax'],
  [/(?:^|\.)deepinfra\.com$/, 'deepinfra'],
  [/(?:^|\.)novita\.ai$/, 'novita'],
  [/(?:^|\.)githubcopilot\.com$/, 'github-copilot'],
  [/\.azure\.com$/, 'azure'],
  [/\.amazonaws\.com$/, 'aws'],
  [/\.googleapis\.com$/, 'google'],
];

const OPENAI = 'openai';
const OPENROUTER = 'openrouter';
const UNKNOWN = 'unknown';
const OPENROUTER_SOURCE = /^openrouter\b/i;

function findHost(text: string): string | undefined {
  const host = text
    .toLowerCase()
    .replace(/^[a-z]+:\/\//, '')
    .replace(/[:/].*$/, '');
  return HOSTS.find(([pattern]) => pattern.test(host))?.[1];
}

/**
 * Whether OpenRouter itself made the span (its Broadcast): then it served the call, whatever vendor
 * the span names, and its cost is what it charged.
 */
export function isOpenRouters({ scope, resource, attributes }: OtlpSpan): boolean {
  const service = findWord(attributes, WORD_NAMES.service) ?? findWord(resource, WORD_NAMES.service) ?? '';
  return OPENROUTER_SOURCE.test(service) || (scope !== null && OPENROUTER_SOURCE.test(scope));
}

/** The first provider attribute that names one, and not a framework or a gateway in front of it. */
function findNamed(attributes: Attributes): string | undefined {
  for (const name of WORD_NAMES.provider) {
    const word = findWord(attributes, [name]);
    if (word !== undefined && !isFramework(word) && !isGateway(word)) return normalizeProvider(word);
  }
  return undefined;
}

/**
 * Finds the provider that served the call. The provider attribute names the flavor of the
 * telemetry, so every vendor behind an OpenAI-compatible API is reported as `openai`, and frameworks
 * and gateways write their own name. Therefore a host in the table takes precedence over the
 * attribute, and `openai` yields to a model name of another vendor. Returns `unknown` when nothing
 * identifies the provider.
 * @param models the names of the model, the most telling first
 */
export function findProvider(span: OtlpSpan, models: readonly string[]): string {
  const { attributes } = span;
  if (isOpenRouters(span)) return OPENROUTER;
  const host = findHost(findWord(attributes, WORD_NAMES.serverAddress) ?? '');
  if (host !== undefined) return host;
  const provider = findNamed(attributes);
  if (provider !== undefined && provider !== OPENAI) return provider;
  for (const model of models) {
    const vendor = vendorOfModel(model);
    if (vendor !== null) return vendor;
  }
  return provider ?? UNKNOWN;
}
