import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { ruleOfPattern } from '../../../src/domain/pricing/book/match-rule.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import { genaiCatalog } from './genai-catalog.ts';

/** Every source. */
export const everything = await readCatalog();
/** One source alone, so that the tables do not change with the others. */
export const catalog = genaiCatalog;
export const NOW = Date.UTC(2026, 10, 20, 10);
const [first] = catalog.prices;
if (!first) throw new Error('The catalog is empty');
export const template = first;

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
export function answer(provider: string, model: string, from = book): string {
  const found = findPrice(from, { provider, model, timeMs: NOW });
  return isUnpriced(found) ? found.reason : `${found.provider} ${found.model}`;
}

export const ARN = 'arn:aws:bedrock:us-east-1';
export const SONNET = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
