import { z } from 'zod';
import { formatScaled, parseScaled } from '../../../platform/money.ts';
import { foldName } from '../../input/fold-name.ts';
import type { RoundedPrice } from '../price/catalog.ts';
import type { DailyWindow, MatchRule, UnitPrice } from '../price/price.ts';
import { GENAI_UNIT_NAMES } from '../price/usage-units.ts';
import { readPrice } from './sheets/price-text.ts';
import type { SourceData, SourceSheet } from './sheets/source-data.ts';

const SUFFIXES: readonly (readonly [suffix: string, unit: string, per: number])[] = [
  ['_mtok', '_tokens', 1_000_000],
  ['_kcount', '', 1_000],
  ['_hours', '_seconds', 3_600],
  ['_kpages', '_pages', 1_000],
  ['_mchars', '_characters', 1_000_000],
  ['_gpixels', '_pixels', 1_000_000_000],
];
const DAY_SECONDS = 86_400;

const rule: z.ZodType<MatchRule> = z.lazy(() =>
  z.union([
    z.object({ equals: z.string() }),
    z.object({ starts_with: z.string() }),
    z.object({ ends_with: z.string() }),
    z.object({ contains: z.string() }),
    z.object({ regex: z.string() }),
    z.object({ or: z.array(rule) }),
    z.object({ and: z.array(rule) }),
  ]),
);
const amount = z.number().nonnegative();
const tiered = z.object({ base: amount, tiers: z.array(z.object({ start: z.number(), price: amount })) });
const prices = z.record(z.string(), z.union([amount, tiered]));
const constraint = z.union([
  z.object({ start_date: z.string() }),
  z.object({ start_time: z.string(), end_time: z.string() }),
]);
const data = z.array(
  z.object({
    id: z.string().min(1),
    name: z.string(),
    fallback_model_providers: z.array(z.string()).nullish(),
    models: z.array(
      z.object({
        id: z.string().min(1),
        match: rule,
        prices: z.union([z.array(z.object({ constraint: constraint.nullish(), prices })), prices]),
      }),
    ),
  }),
);

type Prices = z.infer<typeof prices>;
type Constraint = z.infer<typeof constraint> | null | undefined;
type OnRounded = (unit: string, given: string, kept: string) => void;

function unitOf(priceKey: string): { unit: string; per: number } {
  for (const [suffix, end, per] of SUFFIXES) {
    if (!priceKey.endsWith(suffix)) continue;
    const unit = priceKey.slice(0, -suffix.length) + end;
    return { unit: GENAI_UNIT_NAMES.get(unit) ?? unit, per };
  }
  throw new Error(`genai-prices has a price key with an unknown unit: ${priceKey}`);
}

/** Binary noise has up to 17 digits, and is rounded half up to the places that a price has. */
const WIDE_PLACES = 30;
const KEPT_PLACES = 12;

/** Uses the string of the number, the shortest that parses to the same number. */
function readDecimal(value: number, unit: string, onRounded: OnRounded): string {
  // Stated for as many as `per` says: the digits as they are, at most 12 places of them.
  const exact = readPrice(String(value), false);
  if (exact === undefined) throw new Error(`genai-prices has an invalid price: ${value}`);
  if (exact.per === 1) return exact.price;
  const unrounded = parseScaled(String(value), WIDE_PLACES) ?? 0n;
  const step = 10n ** BigInt(WIDE_PLACES - KEPT_PLACES);
  const kept = formatScaled((unrounded + step / 2n) / step, KEPT_PLACES);
  onRounded(unit, String(value), kept);
  return kept;
}

function secondsOfDay(time: string): number {
  const ms = Date.parse(`1970-01-01T${time}`);
  if (Number.isNaN(ms)) throw new Error(`genai-prices has an invalid time of day: ${time}`);
  return (((ms / 1000) % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS;
}

function readUnits(given: Prices, onRounded: OnRounded): UnitPrice[] {
  const units = new Map<string, UnitPrice>();
  for (const [priceKey, value] of Object.entries(given)) {
    const { unit, per } = unitOf(priceKey);
    // Where a sheet has a unit by two of genai-prices' names, the one that needs no other name is meant.
    if (units.has(unit) && !priceKey.startsWith(unit.replace(/_(?:tokens|seconds)$/, ''))) continue;
    const read = (number: number) => readDecimal(number, unit, onRounded);
    if (typeof value === 'number') units.set(unit, { unit, price: read(value), per, tiers: [] });
    else {
      const tiers = value.tiers.map(({ start, price }) => ({ above: start, price: read(price) }));
      units.set(unit, { unit, price: read(value.base), per, tiers: tiers.sort((a, b) => a.above - b.above) });
    }
  }
  return [...units.values()];
}

function readWindow(given: Constraint): DailyWindow | null {
  if (!given || !('start_time' in given)) return null;
  return { startSeconds: secondsOfDay(given.start_time), endSeconds: secondsOfDay(given.end_time), weekdays: null };
}

function readStart(given: Constraint): number | null {
  if (!given || !('start_date' in given)) return null;
  const timeMs = Date.parse(given.start_date);
  if (Number.isNaN(timeMs)) throw new Error(`genai-prices has an invalid date: ${given.start_date}`);
  return timeMs;
}

/**
 * Reads the data of genai-prices: what the package bundles, or its public
 * `prices/new_data/v2/data.json` parsed by JSON.parse. The same data always gives the same result.
 * @param version what `sources` of a price will name: a release, or a date
 * @throws Error when the data does not fit the schema, has an unknown unit or an invalid price or time
 */
export function readGenaiSource(given: unknown, version: string): SourceData {
  const rounded: RoundedPrice[] = [];
  const providers = data.parse(given);
  const models = providers.flatMap(({ id: provider, models: ofProvider }) =>
    ofProvider.map(({ id, match, prices: all }) => {
      const onRounded: OnRounded = (unit, from, kept) => rounded.push({ provider, model: id, unit, given: from, kept });
      const sheets = Array.isArray(all) ? all : [{ constraint: null, prices: all }];
      const read = sheets.map(
        (sheet): SourceSheet => ({
          serviceTier: null,
          region: null,
          validFrom: readStart(sheet.constraint),
          dailyWindow: readWindow(sheet.constraint),
          units: readUnits(sheet.prices, onRounded),
        }),
      );
      return { provider, model: foldName(id), match, sheets: read };
    }),
  );
  return {
    name: 'genai-prices',
    version,
    providers: providers.map(({ id, name, fallback_model_providers }) => ({
      id,
      name,
      fallbackProviders: fallback_model_providers ?? [],
    })),
    models,
    rounded,
  };
}
