// `npm run prices:compare`: what the price book knows, where its sources agree and differ, and what is
// missing.
import { createPriceBook } from '../src/domain/pricing/book/price-book.ts';
import { loadCorrections } from '../src/domain/pricing/catalog/load-sources.ts';
import { readCatalog } from '../src/domain/pricing/catalog/read-catalog.ts';
import { perMillion } from '../src/domain/pricing/catalog/sheets/compare-units.ts';
import type { Price } from '../src/domain/pricing/price/price.ts';
import { type AskedModel, askHeadlines, askWidely } from './prices-coverage.ts';

const catalog = await readCatalog();
const book = createPriceBook(catalog);

function priceOf({ units }: Price, name: string): string {
  const unit = units.find((one) => one.unit === name);
  return unit ? perMillion(unit) : '-';
}

function row({ provider, model, price }: AskedModel): string {
  if (!price) return `${provider} | ${model} | UNPRICED`;
  const sources = price.sources.map(({ name, version }) => `${name} ${version}`).join(', ');
  const amounts = `${priceOf(price, 'input_tokens')}/${priceOf(price, 'output_tokens')}`;
  return `${provider} | ${model} | ${amounts} | ${price.agreement} | ${sources}`;
}

/** The current standard sheet of each model. */
const current = catalog.prices.filter(
  ({ serviceTier, region, validTo, dailyWindow }) =>
    serviceTier === null && region === null && validTo === null && dailyWindow === null,
);

function countAgreement(prices: readonly Price[]): string {
  const count = (agreement: string) => prices.filter((price) => price.agreement === agreement).length;
  return `${prices.length} | ${count('agreed')} | ${count('single')} | ${count('disputed')}`;
}

console.log(`# ${catalog.version}\n\n## Models\n\nprovider | priced | agreed | single | disputed`);
console.log(`all | ${countAgreement(current)}`);
const byProvider = [...Map.groupBy(current, ({ provider }) => provider)].sort((a, b) => b[1].length - a[1].length);
for (const [provider, prices] of byProvider) console.log(`${provider} | ${countAgreement(prices)}`);
const others = Map.groupBy(
  catalog.prices.filter(({ serviceTier, region }) => serviceTier !== null || region !== null),
  ({ serviceTier, region }) => [serviceTier, region].filter((one) => one !== null).join(' in '),
);
console.log('\n## Sheets of other tiers and regions\n');
for (const [tier, prices] of others) console.log(`${tier} | ${prices.length}`);

console.log('\n## Differences\n');
for (const { provider, dispute } of catalog.prices) if (dispute !== null) console.log(`${provider}: ${dispute}`);

const headlines = askHeadlines(book);
console.log(`\n## Headline models: ${headlines.filter(({ price }) => price).length} of ${headlines.length} priced\n`);
for (const one of headlines) console.log(row(one));

const wide = await askWidely(book);
const priced = wide.filter(({ price }) => price);
const corrected = priced.filter(({ price }) => price?.source === 'corrections');
console.log(`\n## Current names of LiteLLM's map: ${priced.length} of ${wide.length} priced\n`);
console.log(`by a line of corrections.json: ${corrected.length} (${(await loadCorrections()).length} lines)`);
console.log(countAgreement(priced.flatMap(({ price }) => price ?? [])));
for (const one of wide) if (!one.price) console.log(row(one));
