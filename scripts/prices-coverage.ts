import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findPrice, isUnpriced, type PriceBook } from '../src/domain/pricing/book/match-price.ts';
import { readLitellmName } from '../src/domain/pricing/catalog/litellm/litellm-names.ts';
import { PRICES_FOLDER } from '../src/domain/pricing/catalog/load-sources.ts';
import { SHIPPED_AT_MS } from '../src/domain/pricing/catalog/sources.ts';
import type { Price } from '../src/domain/pricing/price/price.ts';
import { HEADLINE_MODELS } from './headline-models.ts';

/** Whose current chat and embedding models the wide check asks for, in LiteLLM's words. */
const PROVIDERS: ReadonlySet<string> = new Set(
  `anthropic azure azure_ai bedrock bedrock_converse cerebras cohere cohere_chat deepseek fireworks_ai gemini groq
  minimax mistral moonshot openai perplexity together_ai vertex_ai-anthropic_models vertex_ai-language-models voyage
  xai zai`.split(/\s+/),
);
const MODES: ReadonlySet<string> = new Set(['chat', 'embedding']);

export interface AskedModel {
  provider: string;
  model: string;
  price: Price | null;
}

function ask(book: PriceBook, provider: string, model: string): AskedModel {
  const found = findPrice(book, { provider, model, timeMs: SHIPPED_AT_MS });
  return { provider, model, price: isUnpriced(found) ? null : found };
}

/** The headline models, each with the price that an event of the shipped day is charged by. */
export function askHeadlines(book: PriceBook): AskedModel[] {
  return HEADLINE_MODELS.map(([provider, model]) => ask(book, provider, model));
}

interface Entry {
  litellm_provider: string;
  mode?: string;
  deprecation_date?: string;
  input_cost_per_token?: number;
}

/** Every chat and embedding name that LiteLLM's map prices by tokens and does not call deprecated. */
export async function askWidely(book: PriceBook): Promise<AskedModel[]> {
  const text = await readFile(join(PRICES_FOLDER, 'sources/litellm.json'), 'utf8');
  const entries: [string, Entry][] = Object.entries(JSON.parse(text));
  return entries.flatMap(([key, entry]) => {
    const { litellm_provider: provider, mode = '', deprecation_date: end } = entry;
    const isCurrent = end === undefined || Date.parse(`${end}T00:00:00Z`) > SHIPPED_AT_MS;
    if (!PROVIDERS.has(provider) || !MODES.has(mode) || !isCurrent || entry.input_cost_per_token === undefined)
      return [];
    const name = readLitellmName(key, provider);
    return name ? [ask(book, name.provider, name.model)] : [];
  });
}
