import { foldName } from '../../../input/fold-name.ts';
import { normalizeProvider } from '../../price/provider-name.ts';
import { isGateway } from '../../price/relay-names.ts';

/** What LiteLLM calls a provider where no spelling of `normalizeProvider` says it. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([
  ['bedrock_mantle', 'aws'],
  ['azure_text', 'azure'],
  ['cohere_chat', 'cohere'],
  ['text-completion-openai', 'openai'],
  ['text-completion-codestral', 'mistral'],
  ['codestral', 'mistral'],
  ['text-completion-inception', 'inception'],
  ['fireworks_ai-embedding-models', 'fireworks'],
  ['lambda_ai', 'lambda'],
]);

/** Keys that name no model: prices of an image's size or quality, and of rented capacity. */
const NO_MODEL = /(?:^|\/)(?:\d+-x-\d+|max-x-max)\/|-month-commitment\/|^(?:sample_spec|fallback_generalizations)$/;

/** Which of two entries of one name counts: the vendor's first door before its others. */
const LATER_DOORS = /^(?:vertex_ai|azure_ai|azure_text|bedrock_mantle|text-completion)/;

export interface LitellmName {
  provider: string;
  model: string;
  /** 0 before 1 where two keys are one model of one provider. */
  rank: number;
}

function providerOf(litellmProvider: string): string {
  if (litellmProvider.startsWith('vertex_ai')) return 'google';
  return PROVIDERS.get(litellmProvider) ?? normalizeProvider(litellmProvider);
}

/**
 * Whose price an entry is, and of which model: the key without the provider it begins with. A resale
 * (`perplexity/anthropic/...`) stays the reseller's, under the name that the reseller gives it.
 * @returns null when the key names no model
 */
export function readLitellmName(key: string, litellmProvider: string): LitellmName | null {
  // A gateway charges what the provider behind it does, which is priced there.
  if (NO_MODEL.test(key) || isGateway(litellmProvider)) return null;
  const provider = providerOf(litellmProvider);
  const name = foldName(key);
  const slash = name.indexOf('/');
  const isPrefixed = slash > 0 && providerOf(name.slice(0, slash)) === provider;
  const model = isPrefixed ? name.slice(slash + 1) : name;
  return model === '' ? null : { provider, model, rank: LATER_DOORS.test(litellmProvider) ? 1 : 0 };
}
