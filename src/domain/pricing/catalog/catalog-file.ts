import type { Catalog, CatalogProvider } from '../price/catalog.ts';
import type { DailyWindow, MatchRule, Price, PriceSource, UnitPrice } from '../price/price.ts';
import { identifyPrice } from './identify-price.ts';

const MILLION = 1_000_000;

/**
 * A unit: its price alone, for a million tokens or for one of anything else; or with `per` and its
 * steps, `[price, per, [above, price], ...]`.
 */
type UnitLine = string | [price: string, per: number, ...steps: [above: number, price: string][]];

/** A sheet, without what is null or as usual. */
interface SheetLine {
  tier?: string;
  region?: string;
  from?: string;
  to?: string;
  hours?: [start: number, end: number, weekdays?: readonly number[]];
  units: Record<string, UnitLine>;
  /** Numbers in the list of sources, the one that the price was taken from first. */
  by: number[];
  agreement?: 'agreed' | 'disputed';
  dispute?: string;
}

/** `[provider, model, rule of its names unless it is the model's own, ...sheets]` */
type ModelLine = [provider: string, model: string, match: MatchRule | 0, ...sheets: SheetLine[]];

interface CatalogFile {
  version: string;
  sources: PriceSource[];
  providers: [id: string, name: string, ...fallbacks: string[]][];
  models: ModelLine[];
}

function usualPer(unit: string): number {
  return unit.endsWith('_tokens') ? MILLION : 1;
}

function writeUnit({ unit, price, per, tiers }: UnitPrice): [string, UnitLine] {
  if (tiers.length === 0 && per === usualPer(unit)) return [unit, price];
  return [unit, [price, per, ...tiers.map((tier): [number, string] => [tier.above, tier.price])]];
}

function readUnit([unit, line]: [string, UnitLine]): UnitPrice {
  if (typeof line === 'string') return { unit, price: line, per: usualPer(unit), tiers: [] };
  const [price, per, ...steps] = line;
  return { unit, price, per, tiers: steps.map(([above, at]) => ({ above, price: at })) };
}

function writeWindow({ startSeconds, endSeconds, weekdays }: DailyWindow): SheetLine['hours'] {
  return weekdays === null ? [startSeconds, endSeconds] : [startSeconds, endSeconds, weekdays];
}

function writeSheet(price: Price, numberOf: (source: PriceSource) => number): SheetLine {
  const { serviceTier, region, validFrom, validTo, dailyWindow, units, agreement, dispute } = price;
  return {
    ...(serviceTier !== null && { tier: serviceTier }),
    ...(region !== null && { region }),
    ...(validFrom !== null && { from: new Date(validFrom).toISOString() }),
    ...(validTo !== null && { to: new Date(validTo).toISOString() }),
    ...(dailyWindow !== null && { hours: writeWindow(dailyWindow) }),
    units: Object.fromEntries(units.map(writeUnit)),
    by: price.sources.map(numberOf),
    ...(agreement === 'agreed' || agreement === 'disputed' ? { agreement } : {}),
    ...(dispute !== null && { dispute }),
  };
}

function timeOf(text: string | undefined): number | null {
  return text === undefined ? null : Date.parse(text);
}

function readSheet(
  [provider, model, rule]: ModelLine,
  line: SheetLine,
  sources: readonly PriceSource[],
): Omit<Price, 'ordinal'> {
  const stating = line.by.flatMap((at) => sources[at] ?? []);
  const [first] = stating;
  const [startSeconds, endSeconds, weekdays] = line.hours ?? [];
  const hasHours = startSeconds !== undefined && endSeconds !== undefined;
  return identifyPrice({
    organizationId: null,
    provider,
    model,
    match: rule === 0 ? { equals: model } : rule,
    serviceTier: line.tier ?? null,
    region: line.region ?? null,
    validFrom: timeOf(line.from),
    validTo: timeOf(line.to),
    dailyWindow: hasHours ? { startSeconds, endSeconds, weekdays: weekdays ?? null } : null,
    units: Object.entries(line.units).map(readUnit),
    source: first?.name ?? '',
    sourceVersion: first?.version ?? '',
    sources: stating,
    agreement: line.agreement ?? 'single',
    dispute: line.dispute ?? null,
  });
}

function writeProvider({ id, name, fallbackProviders }: CatalogProvider): CatalogFile['providers'][number] {
  return [id, name, ...fallbackProviders];
}

const isPlainRule = (match: MatchRule, model: string) => 'equals' in match && match.equals === model;

/** The catalog as the text of `prices/catalog.json`: a line for each model, so that changes can be read. */
export function writeCatalogFile({ version, providers, prices }: Catalog): string {
  const numbers = new Map<string, number>();
  const sources: PriceSource[] = [];
  const numberOf = (source: PriceSource) => {
    const key = `${source.name}\n${source.version}`;
    const number = numbers.get(key) ?? sources.push(source) - 1;
    numbers.set(key, number);
    return number;
  };
  const models = Map.groupBy(prices, ({ provider, model }) => `${provider}\n${model}`);
  const lines = [...models.values()].flatMap((sheets): string[] => {
    const [first] = sheets;
    if (!first) return [];
    const rule = isPlainRule(first.match, first.model) ? 0 : first.match;
    const line: ModelLine = [first.provider, first.model, rule, ...sheets.map((sheet) => writeSheet(sheet, numberOf))];
    return [JSON.stringify(line)];
  });
  const head = [
    `"version":${JSON.stringify(version)}`,
    `"sources":${JSON.stringify(sources)}`,
    `"providers":${JSON.stringify(providers.map(writeProvider))}`,
  ];
  return `{${head.join(',\n')},\n"models":[\n${lines.join(',\n')}\n]}\n`;
}

/**
 * The catalog from the text of `prices/catalog.json`, which is not checked: a test holds the file to
 * what made it.
 */
export function readCatalogFile(text: string): Catalog {
  const { version, sources, providers, models }: CatalogFile = JSON.parse(text);
  const prices = models.flatMap((model) => {
    const [, , , ...sheets] = model;
    return sheets.map((sheet) => readSheet(model, sheet, sources));
  });
  return {
    version,
    providers: providers.map(([id, name, ...fallbackProviders]) => ({ id, name, fallbackProviders })),
    prices: prices.map((price, ordinal) => ({ ...price, ordinal })),
    rounded: [],
  };
}
