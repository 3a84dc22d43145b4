import { lowerAscii } from '../../input/fold-name.ts';
import type { Price } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { listExactNames } from './match-rule.ts';

/** Own prices for one name, or for one prefix; the newest come first. */
interface OwnGroup {
  /** Those of one service tier. */
  tiered: Price[];
  /** Those of every tier. */
  general: Price[];
}

/** What is as specific, whichever name of a call it fits. Groups are not copied, since they may be long. */
export type OwnLevel = readonly Readonly<OwnGroup>[];

/** The own prices that fit a name, at any time. */
export interface OwnCandidates {
  exact: OwnLevel;
  /** The longest prefix comes first. */
  prefixes: readonly OwnLevel[];
}

interface ProviderIndex {
  exact: Map<string, OwnGroup>;
  prefixes: Map<string, OwnGroup>;
  /** Of the prefixes, without repeats, descending. */
  lengths: number[];
}

/** An organization's own prices by provider and name. */
export type OwnIndex = ReadonlyMap<string, ProviderIndex>;

/** Names of one provider, folded. */
export interface OwnNames {
  provider: string;
  names: readonly string[];
}

function add(levels: Map<string, OwnGroup>, name: string, price: Price): void {
  const level = levels.get(name) ?? { tiered: [], general: [] };
  levels.set(name, level);
  (price.serviceTier === null ? level.general : level.tiered).push(price);
}

/** Prepares own prices for look-ups, which cost the same however many there are. `ordinal` is their age. */
export function indexOwnPrices(prices: readonly Price[]): OwnIndex {
  const index = new Map<string, ProviderIndex>();
  for (const price of prices.toSorted((a, b) => b.ordinal - a.ordinal)) {
    const provider = normalizeProvider(price.provider);
    const own = index.get(provider) ?? { exact: new Map(), prefixes: new Map(), lengths: [] };
    index.set(provider, own);
    if ('starts_with' in price.match) add(own.prefixes, lowerAscii(price.match.starts_with), price);
    else for (const name of listExactNames(price.match)) add(own.exact, name, price);
  }
  for (const own of index.values()) {
    own.lengths = [...new Set([...own.prefixes.keys()].map(({ length }) => length))].sort((a, b) => b - a);
  }
  return index;
}

/** The own prices that fit one of the names, by how specific they are. */
export function findOwn(index: OwnIndex, named: readonly OwnNames[]): OwnCandidates {
  const exact = new Set<OwnGroup>();
  const prefixes = new Map<number, Set<OwnGroup>>();
  for (const { provider, names } of named) {
    const own = index.get(provider);
    if (!own) continue;
    for (const name of names) {
      const whole = own.exact.get(name);
      if (whole) exact.add(whole);
      for (const length of own.lengths) {
        const begun = length > name.length ? undefined : own.prefixes.get(name.slice(0, length));
        if (begun) prefixes.set(length, (prefixes.get(length) ?? new Set()).add(begun));
      }
    }
  }
  const byLength = [...prefixes].sort(([a], [b]) => b - a);
  return { exact: [...exact], prefixes: byLength.map(([, groups]) => [...groups]) };
}
