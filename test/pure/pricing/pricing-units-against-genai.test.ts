import {
  calcPrice,
  type ModelInfo,
  type ModelPrice,
  type Provider,
  type Usage,
  waitForUpdate,
} from '@pydantic/genai-prices';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Price, UnitPrice } from '../../../src/domain/pricing/price/price.ts';
import { priceUsage } from '../../../src/domain/pricing/price/price-usage.ts';
import { GENAI_UNIT_NAMES } from '../../../src/domain/pricing/price/usage-units.ts';
import { anyCellUsageBut, type CellUsage } from './pricing-units.ts';

const data = (await waitForUpdate()) ?? [];

/** What genai-prices charges a number of, by the ends of its price keys. */
const PER: readonly (readonly [end: string, unit: string, per: number])[] = [
  ['_mtok', '_tokens', 1e6],
  ['_kcount', '', 1e3],
  ['_hours', '_seconds', 3600],
  ['_kpages', '_pages', 1e3],
];

type Prices = Record<string, unknown>;

function unitOf(key: string, price: number): UnitPrice {
  const [end, unit, per] = PER.find(([one]) => key.endsWith(one)) ?? ['', '', 1];
  const name = key.slice(0, -end.length) + unit;
  return { unit: GENAI_UNIT_NAMES.get(name) ?? name, price: String(price), per, tiers: [] };
}

/** A sheet of the data as ours, by our names of units; null where it has tiers. */
function toPrice(prices: Prices): Price | null {
  const entries = Object.entries(prices);
  if (entries.some(([, price]) => typeof price !== 'number')) return null;
  const units = entries.map(([key, price]) => unitOf(key, Number(price)));
  return { units, dispute: null } as Partial<Price> as Price;
}

/** What no line of the data is for; and there a request is always one. */
const NOT_THERE = ['cache_video_read_tokens', 'cache_audio_write_tokens', 'cache_write_12h_tokens', 'requests'];
/** One of its providers charges ten seconds for a shorter request. */
const SHORTEST_SECONDS = 10;

interface Sheet {
  provider: Provider;
  model: ModelInfo;
  prices: Prices;
  price: Price;
}

/** The sheets that charge by more than what every event has. */
const SPECIAL = /image|video|audio|hours|pages|citation|reasoning|messages|storage|requests/;
const sheets: Sheet[] = data.flatMap((provider) =>
  provider.models.flatMap((model) => {
    const all: Prices[] = Array.isArray(model.prices)
      ? model.prices.map((one) => ({ ...one.prices }))
      : [{ ...model.prices }];
    return all.flatMap((prices) => {
      const price = toPrice(prices);
      const isSpecial = Object.keys(prices).some((key) => SPECIAL.test(key));
      return price && isSpecial ? [{ provider, model, prices, price }] : [];
    });
  }),
);

/** In the words of genai-prices. */
function usageFor({ counts, units }: CellUsage, prices: Prices): Usage {
  const seconds = units.input_audio_seconds ?? 0;
  // There they are a part of the output.
  const citations = 'output_citation_mtok' in prices ? (units.output_citation_tokens ?? 0) : 0;
  return {
    input_tokens: counts.inputTokens,
    output_tokens: counts.outputTokens + citations,
    cache_read_tokens: counts.cacheReadTokens,
    cache_write_tokens: counts.cacheWriteTokens,
    cache_write_1h_tokens: counts.cacheWrite1hTokens,
    cache_write_5m_tokens: counts.cacheWriteTokens - counts.cacheWrite1hTokens,
    cache_audio_read_tokens: units.cache_audio_read_tokens ?? 0,
    cache_image_read_tokens: units.cache_image_read_tokens ?? 0,
    output_reasoning_tokens: counts.reasoningTokens,
    output_citation_tokens: citations,
    input_audio_tokens: counts.inputAudioTokens,
    output_audio_tokens: counts.outputAudioTokens,
    input_image_tokens: units.input_image_tokens ?? 0,
    output_image_tokens: units.output_image_tokens ?? 0,
    input_video_tokens: units.input_video_tokens ?? 0,
    output_video_tokens: units.output_video_tokens ?? 0,
    audio_seconds: seconds,
    input_audio_seconds: seconds,
    input_document_pages: units.input_document_pages ?? 0,
    input_annotated_document_pages: units.input_annotated_document_pages ?? 0,
    input_text_messages: units.input_text_messages ?? 0,
    storage_searches: units.storage_searches ?? 0,
    web_searches: counts.webSearches,
  };
}

test('every sheet of genai-prices by images, video, audio, hours, pages, citations or messages costs the same within 1e-9', () => {
  expect(sheets.length).toBeGreaterThan(50);
  const check = ({ units, ...given }: CellUsage) => {
    const seconds = units.input_audio_seconds ? units.input_audio_seconds + SHORTEST_SECONDS : 0;
    const usage = { ...given, units: { ...units, input_audio_seconds: seconds } };
    for (const { provider, model, prices, price } of sheets) {
      const alone = { ...provider, models: [{ ...model, match: { equals: 'it' }, prices: prices as ModelPrice }] };
      const theirs = calcPrice(usageFor(usage, prices), 'it', { provider: alone })?.total_price ?? Number.NaN;
      const ours = Number(priceUsage(price, usage.counts, usage.units).cost) / 1e18;
      if (!(Math.abs(ours - theirs) <= 1e-9 * theirs)) {
        expect.fail(`${provider.id} ${model.id} ${JSON.stringify(prices)}: ${ours} here, ${theirs} by calcPrice`);
      }
    }
  };
  fc.assert(fc.property(anyCellUsageBut(NOT_THERE), check), { numRuns: 60 });
});
