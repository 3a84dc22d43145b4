import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { type ModelInfo, type Provider, type TieredPrices, waitForUpdate } from '@pydantic/genai-prices';
import { contentUuid } from '../../../platform/ids.ts';
import { formatScaled, parseScaled } from '../../../platform/money.ts';
import type { DailyWindow, Price, UnitPrice } from '../price/price.ts';

const PACKAGE = '@pydantic/genai-prices';
/** USD per million to 12 places is a whole number of 10^-18 USD per token. */
const PRICE_PLACES = 12;
/** Fixes the time part of the ids of prices that have no start. */
const UNDATED_MS = Date.UTC(2020, 0, 1);
const SUFFIXES: readonly (readonly [suffix: string, unit: string, per: number])[] = [
  ['_mtok', '_tokens', 1_000_000],
  ['_kcount', '', 1_000],
  ['_hours', '_seconds', 3_600],
  ['_kpages', '_pages', 1_000],
  ['_mchars', '_characters', 1_000_000],
  ['_gpixels', '_pixels', 1_000_000_000],
];

export interface CatalogProvider {
  id: string;
  name: string;
  /** Whose models are tried, in this order, when the provider itself has none of that name. */
  fallbackProviders: string[];
}

/**
 * A price whose text has more than 12 decimals: binary noise of the data, kept rounded (half up).
 */
export interface RoundedPrice {
  provider: string;
  model: string;
  unit: string;
  given: string;
  kept: string;
}

export interface Catalog {
  version: string;
  providers: CatalogProvider[];
  prices: Price[];
  /** For the log. */
  rounded: RoundedPrice[];
}

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
  throw new Error(`${PACKAGE} has a price key of an unknown unit: ${priceKey}`);
}

/**
 * The plain decimal of a JSON number, through its text: the shortest that reads back as the same
 * number.
 */
function readDecimal(value: number, onRounded: (given: string, kept: string) => void): string {
  const given = String(value);
  const exact = parseScaled(given, PRICE_PLACES);
  if (exact !== null) return formatScaled(exact, PRICE_PLACES);
  const fine = parseScaled(given, 30);
  if (fine === null) throw new Error(`${PACKAGE} has a price that is no decimal: ${given}`);
  const kept = formatScaled((fine + 5n * 10n ** 17n) / 10n ** 18n, PRICE_PLACES);
  onRounded(given, kept);
  return kept;
}

function secondsOfDay(time: string): number {
  const ms = Date.parse(`1970-01-01T${time}`);
  if (Number.isNaN(ms)) throw new Error(`${PACKAGE} has a time of day that cannot be read: ${time}`);
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
        ? { startSeconds: secondsOfDay(constraint.start_time), endSeconds: secondsOfDay(constraint.end_time) }
        : null;
    return { validFrom, dailyWindow, units: readUnits(prices, onRounded) };
  });
}

/**
 * When a later sheet without a window takes over for good, so that a sheet alone tells when it was
 * in force.
 */
function endOf(sheets: Times[], index: number): number | null {
  const starts = sheets.slice(index + 1).flatMap((later) => (later.dailyWindow ? [] : [later.validFrom ?? 0]));
  return starts.length > 0 ? Math.min(...starts) : null;
}

function readProvider({ id: provider, models }: Provider, sourceVersion: string, rounded: RoundedPrice[]): Price[] {
  const sheets = models.flatMap((model) => {
    const onRounded = (unit: string, given: string, kept: string) =>
      rounded.push({ provider, model: model.id, unit, given, kept });
    const ofModel = readSheets(model, onRounded);
    return ofModel.map((sheet, index) => ({ model, ...sheet, validTo: endOf(ofModel, index) }));
  });
  return sheets.map(({ model: { id: model, match }, validFrom, validTo, dailyWindow, units }, ordinal) => {
    const content = JSON.stringify([provider, model, match, validFrom, validTo, dailyWindow, units]);
    return {
      id: contentUuid(validFrom ?? UNDATED_MS, content),
      organizationId: null,
      provider,
      model,
      match,
      serviceTier: null,
      validFrom,
      validTo,
      dailyWindow,
      units,
      source: 'genai-prices',
      sourceVersion,
      ordinal,
    };
  });
}

/**
 * Reads every price bundled with genai-prices, offline. The same package version gives the same
 * answer, ids included. Throws when the data has a unit or a time it cannot read: that is for the
 * test of a version bump to find.
 */
export async function readCatalog(): Promise<Catalog> {
  const manifest = findPackageJSON(PACKAGE, import.meta.url);
  if (manifest === undefined) throw new Error(`${PACKAGE} is not installed`);
  const { version }: { version: string } = JSON.parse(await readFile(manifest, 'utf8'));
  // The package has no "list all"; this is the data in use, and the bundled one as long as nobody
  // calls updatePrices().
  const data = (await waitForUpdate()) ?? [];
  const rounded: RoundedPrice[] = [];
  const prices = data.flatMap((provider) => readProvider(provider, version, rounded));
  const providers = data.map(({ id, name, fallback_model_providers }) => ({
    id,
    name,
    fallbackProviders: fallback_model_providers ?? [],
  }));
  return { version, providers, prices, rounded };
}
