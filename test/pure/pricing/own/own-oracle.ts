import type { Price } from '../../../../src/domain/pricing/price/price.ts';
import type { UsageCounts } from '../../../../src/domain/pricing/price/usage-counts.ts';

// The order of choice and the amounts, worked out another way: every price is held against every event, and
// amounts are fractions. Nothing of src but types is used.

export interface Own {
  id: string;
  provider: string;
  /** Null: all models. */
  name: string | null;
  isPrefix: boolean;
  tier: string | null;
  from: number | null;
  to: number | null;
  /** USD for a million, by unit; null for a discount. */
  units: Readonly<Record<string, string>> | null;
  percent: string | null;
}

export interface Listed {
  id: string;
  provider: string;
  name: string;
  tier: string | null;
  from: number | null;
  to: number | null;
  units: Readonly<Record<string, string>>;
}

export interface Alias {
  provider: string;
  model: string;
  targetProvider: string;
  targetModel: string;
}

export interface Asked {
  provider: string;
  model: string;
  /** `standard` for the usual one. */
  tier: string;
  time: number;
  counts: UsageCounts;
}

export interface World {
  /** In the order of creation. */
  own: readonly Own[];
  /** In the order that counts. */
  listed: readonly Listed[];
  aliases: readonly Alias[];
}

/** What is charged: null where there is no price. */
export interface Charged {
  id: string;
  of: string | null;
  cost: bigint;
}

type Name = Pick<Asked, 'provider' | 'model'>;

const holds = ({ from, to }: Pick<Own, 'from' | 'to'>, time: number) =>
  (from ?? Number.NEGATIVE_INFINITY) <= time && time < (to ?? Number.POSITIVE_INFINITY);

function listedFor(world: World, asked: Asked, { provider, model }: Name): Listed | null {
  const fits = world.listed.filter(
    (one) =>
      one.provider === provider &&
      one.name === model &&
      (one.tier ?? 'standard') === asked.tier &&
      holds(one, asked.time),
  );
  return fits.at(-1) ?? null;
}

function isFor(own: Own, { provider, model }: Name, exactOnly: boolean): boolean {
  if (own.provider !== provider) return false;
  if (own.name === null) return !exactOnly;
  return own.isPrefix ? !exactOnly && model.slice(0, own.name.length) === own.name : own.name === model;
}

/** How good a fit is: each number counts only where those before it are equal. */
function rank(own: Own, age: number): number[] {
  const isExact = own.name !== null && !own.isPrefix;
  return [isExact ? 1 : 0, own.name?.length ?? 0, own.tier === null ? 0 : 1, age];
}

function isBetter(one: number[], other: number[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index]);
  return (one[at] ?? 0) > (other[at] ?? 0);
}

function ownFor(world: World, asked: Asked, name: Name, exactOnly: boolean): Own | null {
  let best: { own: Own; rank: number[] } | null = null;
  for (const [age, own] of world.own.entries()) {
    if (!isFor(own, name, exactOnly) || !holds(own, asked.time)) continue;
    if (own.tier !== null && own.tier !== asked.tier) continue;
    if (own.percent !== null && listedFor(world, asked, name) === null) continue;
    const ranked = rank(own, age);
    if (best === null || isBetter(ranked, best.rank)) best = { own, rank: ranked };
  }
  return best?.own ?? null;
}

/** A decimal as a fraction. */
function fraction(decimal: string): [bigint, bigint] {
  const [whole = '', digits = ''] = decimal.split('.');
  return [BigInt(whole + digits), 10n ** BigInt(digits.length)];
}

function roundHalfEven(top: bigint, bottom: bigint): bigint {
  const [cut, rest] = [top / bottom, (top % bottom) * 2n];
  if (rest === bottom) return cut + (cut % 2n);
  return rest > bottom ? cut + 1n : cut;
}

function costOf(units: Readonly<Record<string, string>>, counts: UsageCounts, percent: string): bigint | null {
  const isListed = (unit: string) => units[unit] !== undefined;
  const read = isListed('cache_read_tokens') ? counts.cacheReadTokens : 0;
  const reasoning = isListed('reasoning_tokens') ? counts.reasoningTokens : 0;
  const quantities: Record<string, number> = {
    input_tokens: counts.inputTokens - read,
    cache_read_tokens: read,
    output_tokens: counts.outputTokens - reasoning,
    reasoning_tokens: reasoning,
    web_searches: counts.webSearches,
  };
  const [off, scale] = fraction(percent);
  let cost = 0n;
  let charged = 0;
  let unknown = 0;
  for (const [unit, quantity] of Object.entries(quantities)) {
    const price = units[unit];
    if (quantity === 0) continue;
    if (price === undefined) {
      unknown++;
      continue;
    }
    charged++;
    const [top, bottom] = fraction(price);
    const share = 100n * scale - off;
    cost += roundHalfEven(BigInt(quantity) * top * share * 10n ** 18n, bottom * 1_000_000n * 100n * scale);
  }
  const isByTokens = Object.keys(units).some((unit) => unit !== 'web_searches');
  return charged === 0 && (unknown > 0 || !isByTokens) ? null : cost;
}

/** What an event is charged; null where it has no price. */
export function chargeOf(world: World, asked: Asked): Charged | null {
  const alias = world.aliases.find((one) => one.provider === asked.provider && one.model === asked.model);
  const target = alias ? { provider: alias.targetProvider, model: alias.targetModel } : asked;
  const exact = ownFor(world, asked, asked, true);
  const own = exact ?? ownFor(world, asked, target, false);
  const listed = listedFor(world, asked, exact ? asked : target);
  const units = own?.units ?? listed?.units;
  const id = own?.id ?? listed?.id;
  if (units === undefined || id === undefined) return null;
  const cost = costOf(units, asked.counts, own?.percent ?? '0');
  return cost === null ? null : { id, of: own?.percent ? (listed?.id ?? null) : null, cost };
}

/** The oracle's price in the form of the domain. */
export function toPrice(one: Own | Listed, ordinal: number): Price {
  const isOwn = 'percent' in one;
  const match =
    one.name === null ? { starts_with: '' } : isOwn && one.isPrefix ? { starts_with: one.name } : { equals: one.name };
  return {
    id: one.id,
    organizationId: isOwn ? 'org' : null,
    provider: one.provider,
    model: one.name ?? '',
    match,
    serviceTier: one.tier,
    region: null,
    validFrom: one.from,
    validTo: one.to,
    dailyWindow: null,
    units: Object.entries(one.units ?? {}).map(([unit, price]) => ({ unit, price, per: 1_000_000, tiers: [] })),
    ...(isOwn && one.percent !== null && { discount: { percent: one.percent, of: null } }),
    source: 'test',
    sourceVersion: '1',
    sources: [],
    agreement: isOwn ? 'own' : 'single',
    dispute: null,
    ordinal,
  };
}
