import fc from 'fast-check';
import type { Price, UnitPrice } from '../../../src/domain/pricing/price/price.ts';
import { countsOf, type UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { USAGE_UNITS, type UsageUnit, type UsageUnits } from '../../../src/domain/pricing/price/usage-units.ts';

/**
 * Tokens that are alike in all that is priced, and the units that may price them, the finest first.
 * What is counted of an event is made by adding cells up, so that all its parts are known.
 */
export interface Cell {
  priced: readonly string[];
  quantity: number;
  /** The tokens that are counted of the same thing: where they have a price, the cell has none. */
  tokens?: string | undefined;
}

/** What may be measured by tokens, too, with the tokens' own place in `SUMS`. */
const IN_TOKENS: ReadonlyMap<string, readonly [unit: string, sum: string]> = new Map([
  ['input_images', ['input_image_tokens', 'input_image_tokens']],
  ['output_images', ['output_image_tokens', 'output_image_tokens']],
  ['input_audio_seconds', ['input_audio_tokens', 'inputAudioTokens']],
  ['output_audio_seconds', ['output_audio_tokens', 'outputAudioTokens']],
  ['input_video_seconds', ['input_video_tokens', 'input_video_tokens']],
  ['output_video_seconds', ['output_video_tokens', 'output_video_tokens']],
  ['input_characters', ['input_tokens', 'inputTokens']],
  ['output_characters', ['output_tokens', 'outputTokens']],
]);

const read = 'cache_read_tokens';
const write = 'cache_write_tokens';

/** By their place: what prices each cell. */
const CELLS: readonly (readonly string[])[] = [
  ['input_tokens'],
  [read, 'input_tokens'],
  [write, 'input_tokens'],
  ['cache_write_1h_tokens', write, 'input_tokens'],
  ['cache_write_12h_tokens', write, 'input_tokens'],
  ['input_audio_tokens', 'input_tokens'],
  ['cache_audio_read_tokens', read, 'input_audio_tokens', 'input_tokens'],
  ['cache_audio_write_tokens', write, 'input_audio_tokens', 'input_tokens'],
  ['input_image_tokens', 'input_tokens'],
  ['cache_image_read_tokens', read, 'input_image_tokens', 'input_tokens'],
  ['input_video_tokens', 'input_tokens'],
  ['cache_video_read_tokens', read, 'input_video_tokens', 'input_tokens'],
  ['output_tokens'],
  ['reasoning_tokens', 'output_tokens'],
  ['output_audio_tokens', 'output_tokens'],
  ['output_image_tokens', 'output_tokens'],
  ['output_video_tokens', 'output_tokens'],
];

/** What every cell of which is in a count or unit, by the cells' places. */
const SUMS: Readonly<Record<string, readonly number[]>> = {
  inputTokens: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  cacheReadTokens: [1, 6, 9, 11],
  cacheWriteTokens: [2, 3, 4, 7],
  cacheWrite1hTokens: [3],
  inputAudioTokens: [5, 6, 7],
  outputTokens: [12, 13, 14, 15, 16],
  reasoningTokens: [13],
  outputAudioTokens: [14],
  cache_write_12h_tokens: [4],
  cache_audio_read_tokens: [6],
  cache_audio_write_tokens: [7],
  input_image_tokens: [8, 9],
  cache_image_read_tokens: [9],
  input_video_tokens: [10, 11],
  cache_video_read_tokens: [11],
  output_image_tokens: [15],
  output_video_tokens: [16],
};

/** Units of which the tokens know nothing. */
const OTHERS = USAGE_UNITS.map(({ unit }) => unit).filter(
  (unit) => !Object.hasOwn(SUMS, unit) && !['input_document_pages', 'input_annotated_document_pages'].includes(unit),
);

export interface CellUsage {
  cells: Cell[];
  counts: UsageCounts;
  units: UsageUnits;
}

const quantity = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(400_000));

function toUsage(amounts: readonly number[], others: readonly number[], plain: number, annotated: number): CellUsage {
  const sumOf = (name: string) => (SUMS[name] ?? []).reduce((sum, at) => sum + (amounts[at] ?? 0), 0);
  const webSearches = others[OTHERS.length] ?? 0;
  const counts = countsOf({
    ...Object.fromEntries(Object.keys(SUMS).map((name) => [name, sumOf(name)])),
    webSearches,
  });
  const units: Partial<Record<UsageUnit, number>> = {};
  for (const { unit } of USAGE_UNITS) {
    const total = OTHERS.includes(unit) ? (others[OTHERS.indexOf(unit)] ?? 0) : sumOf(unit);
    if (total > 0) units[unit] = total;
  }
  if (plain + annotated > 0) units.input_document_pages = plain + annotated;
  if (annotated > 0) units.input_annotated_document_pages = annotated;
  const cells = CELLS.map((priced, at): Cell => ({ priced, quantity: amounts[at] ?? 0 }));
  for (const [at, unit] of OTHERS.entries()) {
    const [tokens, sum = ''] = IN_TOKENS.get(unit) ?? [];
    const least = unit === 'requests' ? 1 : 0;
    cells.push({ priced: [unit], quantity: (others[at] ?? 0) || least, tokens: sumOf(sum) > 0 ? tokens : undefined });
  }
  cells.push({ priced: ['web_searches'], quantity: webSearches });
  cells.push({ priced: ['input_document_pages'], quantity: plain });
  cells.push({ priced: ['input_annotated_document_pages', 'input_document_pages'], quantity: annotated });
  return { cells, counts, units };
}

/** Usage of which every part is known, also how it is spread over caches and forms, but for some units. */
export function anyCellUsageBut(leftOut: readonly string[]): fc.Arbitrary<CellUsage> {
  const amountOf = (unit = '') => (leftOut.includes(unit) ? fc.constant(0) : quantity);
  return fc
    .tuple(
      fc.tuple(...CELLS.map(([finest]) => amountOf(finest))),
      fc.tuple(...[...OTHERS, 'web_searches'].map(amountOf)),
      fc.nat(20),
      fc.nat(20),
    )
    .map(([amounts, others, plain, annotated]) => toUsage(amounts, others, plain, annotated));
}

export const anyCellUsage = anyCellUsageBut([]);

/** Charged by whole numbers of 10^-18 USD for one. */
const WHOLE = new Set(['web_searches', 'requests']);
const UNIT_NAMES = [...new Set([...CELLS.flat(), ...USAGE_UNITS.map(({ unit }) => unit), 'web_searches'])];

const decimal = fc
  .tuple(fc.nat(200), fc.nat(999_999_999_999))
  .map(([whole, part]) => `${whole}.${String(part).padStart(12, '0')}`);
const tiers = fc.uniqueArray(fc.record({ above: fc.nat(900_000), price: decimal }), {
  maxLength: 2,
  selector: ({ above }) => above,
});

/** A sheet of any units, some with tiers, and by units that do not divide. */
export function anySheet(template: Price): fc.Arbitrary<Price> {
  const one = (unit: string): fc.Arbitrary<UnitPrice> => {
    const isWhole = WHOLE.has(unit) || unit.endsWith('_tokens');
    const per = isWhole ? fc.constantFrom(1_000_000, 1_000) : fc.constantFrom(3_600, 1_000, 7, 1_000_000_000);
    return fc
      .record({ unit: fc.constant(unit), price: decimal, per, tiers })
      .map((made) => ({ ...made, tiers: made.tiers.toSorted((a, b) => a.above - b.above) }));
  };
  return fc
    .subarray(UNIT_NAMES, { minLength: 1 })
    .chain((units) => fc.tuple(...units.map(one)))
    .map((units) => ({ ...template, units }));
}
