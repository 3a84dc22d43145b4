import { lowerAscii } from '../../input/fold-name.ts';
import type { Price } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { listExactNames } from './match-rule.ts';

/** Own prices for one name, or for one prefix; the newest come first. */
export interface OwnLevel {
  /** Those of one service tier. */
  tiered: readonly Price[];
  /** Those of every tier. */
  general: readonly Price[];
}

/** The own prices that fit a name, at any time. */
export interface OwnCandidates {
  exact: OwnLevel | null;
  /** The longest prefix comes first. */
  prefixes: readonly OwnLevel[];
}

interface Level {
  tiered: Price[];
  general: Price[];
}

interface ProviderIndex {
  exact: Map<string, Level>;
  prefixes: Map<string, Level>;
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

function add(levels: Map<string, Level>, name: string, price: Price): void {
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

const byAge = (a: Price, b: Price) => b.ordinal - a.ordinal;

function join(levels: ReadonlySet<Level>): OwnLevel | null {
  const [first, ...others] = levels;
  if (first === undefined || others.length === 0) return first ?? null;
  const all = [first, ...others];
  return {
    tiered: [...new Set(all.flatMap(({ tiered }) => tiered))].sort(byAge),
    general: [...new Set(all.flatMap(({ general }) => general))].sort(byAge),
  };
}

function collect(into: Map<number, Set<Level>>, key: number, level: Level | undefined): void {
  if (level) into.set(key, (into.get(key) ?? new Set()).add(level));
}

/** The own prices that fit one of the names. What is as specific is one level, whichever name it fits. */
export function findOwn(index: OwnIndex, named: readonly OwnNames[]): OwnCandidates {
  const exact = new Map<number, Set<Level>>();
  const prefixes = new Map<number, Set<Level>>();
  for (const { provider, names } of named) {
    const own = index.get(provider);
    if (!own) continue;
    for (const name of names) {
      collect(exact, 0, own.exact.get(name));
      for (const length of own.lengths) {
        if (length <= name.length) collect(prefixes, length, own.prefixes.get(name.slice(0, length)));
      }
    }
  }
  const found = [...prefixes].sort(([a], [b]) => b - a).flatMap(([, levels]) => join(levels) ?? []);
  return { exact: join(exact.get(0) ?? new Set()), prefixes: found };
}
