import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { type ModelInfo, type Provider, type TieredPrices, waitForUpdate } from '@pydantic/genai-prices';
import { contentUuid } from '../../../platform/ids.ts';
import { formatScaled, parseScaled } from '../../../platform/money.ts';
import { foldName } from '../../input/fold-name.ts';
import type { Catalog, RoundedPrice } from '../price/catalog.ts';
import type { DailyWindow, Price, UnitPrice } from '../price/price.ts';

const PACKAGE = '@pydantic/genai-prices';
/** A price of USD per million with 12 places is a whole number of 10^-18 USD per token. */
const PRICE_PLACES = 12;
/** The time part of the ids of prices that have no start. */
const UNDATED_MS = Date.UTC(2020, 0, 1);
const SUFFIXES: readonly (readonly [suffix: string, unit: string, per: number])[] = [
  ['_mtok', '_tokens', 1_000_000],
  ['_kcount', '', 1_000],
  ['_hours', '_seconds', 3_600],
  ['_kpages', '_pages', 1_000],
  ['_mchars', '_characters', 1_000_000],
  ['_gpixels', '_pixels', 1_000_000_000],
];

export type { Catalog, CatalogProvider } from '../price/catalog.ts';

interface Times {
  validFrom: number | null;
  dailyWindow: DailyWindow | null;
}

function unitOf(priceKey: string): { unit: string; per: number } {
  for (const [suffix, end, per] of SUFFIXES) {
    if (!priceKey.endsWith(suffix)) continue;
    const unit = priceKey.slice(0, -suffix.length) + end;
    return { unit: unit === 'output_reasoning_tokens' ? 'reasoning_tokens' : unit, per };
  }
  throw new Error(`${PACKAGE} has a price key with an unknown unit: ${priceKey}`);
}

/** Uses the string of the number, the shortest that parses to the same number. */
function readDecimal(value: number, onRounded: (given: string, kept: string) => void): string {
  const given = String(value);
  const exact = parseScaled(given, PRICE_PLACES);
  if (exact !== null) return formatScaled(exact, PRICE_PLACES);
  const unrounded = parseScaled(given, 30);
  if (unrounded === null) throw new Error(`${PACKAGE} has an invalid price: ${given}`);
  const kept = formatScaled((unrounded + 5n * 10n ** 17n) / 10n ** 18n, PRICE_PLACES);
  onRounded(given, kept);
  return kept;
}

function secondsOfDay(time: string): number {
  const ms = Date.parse(`1970-01-01T${time}`);
  if (Number.isNaN(ms)) throw new Error(`${PACKAGE} has an invalid time of day: ${time}`);
  return (((ms / 1000) % 86_400) + 86_400) % 86_400;
}

function readUnits(
  prices: Record<string, number | TieredPrices | undefined>,
  onRounded: (unit: string, given: string, kept: string) => void,
): UnitPrice[] {
  return Object.entries(prices).flatMap(([priceKey, value]) => {
    if (value === undefined) return [];
    const { unit, per } = unitOf(priceKey);
    const read = (number: number) => readDecimal(number, (given, kept) => onRounded(unit, given, kept));
    if (typeof value === 'number') return [{ unit, price: read(value), per, tiers: [] }];
    const tiers = value.tiers.map(({ start, price }) => ({ above: start, price: read(price) }));
    return [{ unit, price: read(value.base), per, tiers: tiers.sort((a, b) => a.above - b.above) }];
  });
}

function readSheets(
  model: ModelInfo,
  onRounded: (unit: string, given: string, kept: string) => void,
): (Times & { units: UnitPrice[] })[] {
  const sheets = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  return sheets.map(({ constraint, prices }) => {
    const validFrom = constraint?.type === 'start_date' ? Date.parse(constraint.start_date) : null;
    const dailyWindow =
      constraint?.type === 'time_of_date'
        ? {
            startSeconds: secondsOfDay(constraint.start_time),
            endSeconds: secondsOfDay(constraint.end_time),
            weekdays: null,
          }
        : null;
    return { validFrom, dailyWindow, units: readUnits(prices, onRounded) };
  });
}

/** The start of the first later sheet without a daily window, which replaces this one for good. */
function endOf(sheets: Times[], index: number): number | null {
  const starts = sheets.slice(index + 1).flatMap((later) => (later.dailyWindow ? [] : [later.validFrom ?? 0]));
  return starts.length > 0 ? Math.min(...starts) : null;
}

function readProvider(
  { id: provider, models }: GenaiProvider,
  sourceVersion: string,
  rounded: RoundedPrice[],
): Price[] {
  const sheets = models.flatMap((model) => {
    const onRounded = (unit: string, given: string, kept: string) =>
      rounded.push({ provider, model: model.id, unit, given, kept });
    const ofModel = readSheets(model, onRounded);
    return ofModel.map((sheet, index) => ({ model, ...sheet, validTo: endOf(ofModel, index) }));
  });
  return sheets.map(({ model: { id, match }, validFrom, validTo, dailyWindow, units }, ordinal) => {
    const model = foldName(id);
    const content = JSON.stringify([provider, model, match, validFrom, validTo, dailyWindow, units]);
    return {
      id: contentUuid(validFrom ?? UNDATED_MS, content),
      organizationId: null,
      provider,
      model,
      match,
      serviceTier: null,
      region: null,
      validFrom,
      validTo,
      dailyWindow,
      units,
      source: 'genai-prices',
      sourceVersion,
      sources: [{ name: 'genai-prices', version: sourceVersion }],
      agreement: 'single',
      dispute: null,
      ordinal,
    };
  });
}

/** What is used of a provider in the data of genai-prices. */
export type GenaiProvider = Pick<Provider, 'id' | 'name' | 'fallback_model_providers' | 'models'>;

/** Makes a catalog of the data of genai-prices: the package's own, or what it publishes. */
export function catalogOf(data: readonly GenaiProvider[], version: string): Catalog {
  const rounded: RoundedPrice[] = [];
  const prices = data.flatMap((provider) => readProvider(provider, version, rounded));
  const providers = data.map(({ id, name, fallback_model_providers }) => ({
    id,
    name,
    fallbackProviders: fallback_model_providers ?? [],
  }));
  return { version, providers, prices, rounded };
}

/** The day of the sources that Meterr ships. */
export const SHIPPED_AT_MS = Date.UTC(2026, 10, 1);

/**
 * Reads every price bundled with genai-prices, offline. The same package version always gives the
 * same result, ids included.
 * @throws Error when the data has an unknown unit or an invalid price or time, which the tests find
 *   on an upgrade
 */
export async function readCatalog(): Promise<Catalog> {
  const manifest = findPackageJSON(PACKAGE, import.meta.url);
  if (manifest === undefined) throw new Error(`${PACKAGE} is not installed`);
  const { version }: { version: string } = JSON.parse(await readFile(manifest, 'utf8'));
  // The package has no function that lists all prices. This returns the data in use, which is the
  // bundled data because nobody calls `updatePrices`.
  const data = (await waitForUpdate()) ?? [];
  return catalogOf(data, version);
}
