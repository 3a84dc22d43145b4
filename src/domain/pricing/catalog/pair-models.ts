import { compileGuardedRule, listExactNames, type NameTest } from '../book/match-rule.ts';
import type { SourceData, SourceModel } from './sheets/source-data.ts';

/** What genai-prices says of a name. */
export interface Pairing {
  model: SourceModel;
  /**
   * Whether it means this name: not where a rule is blind for the region that the name begins with, nor
   * where it falls back to the prices of another provider.
   */
  isMeant: boolean;
  /** Whether it is a model of the same provider. */
  isOwn: boolean;
}

interface ProviderModels {
  byName: Map<string, SourceModel>;
  all: { model: SourceModel; fits: NameTest }[];
  fallbacks: string[];
}

/** The part of the world that a Bedrock name begins with. */
const PLACE = /^(?:us|eu|apac|jp|au|ca|in|sa|us-gov)\./;
/** No rule that tells places apart takes all of these. */
const OTHER_PLACES = ['us.', 'sa.'];

function indexModels({ providers, models }: SourceData): Map<string, ProviderModels> {
  const index = new Map<string, ProviderModels>(
    providers.map(({ id, fallbackProviders }) => [id, { byName: new Map(), all: [], fallbacks: fallbackProviders }]),
  );
  for (const model of models) {
    const provider = index.get(model.provider);
    provider?.byName.set(model.model, model);
    provider?.all.push({ model, fits: compileGuardedRule(model.match, model.model) });
  }
  for (const { byName, all } of index.values()) {
    for (const { model } of all) {
      for (const name of listExactNames(model.match)) if (!byName.has(name)) byName.set(name, model);
    }
  }
  return index;
}

function findIn({ byName, all }: ProviderModels, name: string): { model: SourceModel; isMeant: boolean } | null {
  const exact = byName.get(name);
  if (exact) return { model: exact, isMeant: true };
  const ruled = all.find(({ fits }) => fits(name));
  if (!ruled) return null;
  const place = PLACE.exec(name)?.[0];
  const isBlind = place !== undefined && OTHER_PLACES.every((other) => ruled.fits(other + name.slice(place.length)));
  return { model: ruled.model, isMeant: !isBlind };
}

/** Finds what genai-prices says of a provider's name, by the rules of the price book's own look-up. */
export function createPairing(genai: SourceData): (provider: string, name: string) => Pairing | null {
  const index = indexModels(genai);
  return (provider, name) => {
    const own = index.get(provider);
    const found = own && findIn(own, name);
    if (found) return { ...found, isOwn: true };
    for (const id of own?.fallbacks ?? []) {
      const other = index.get(id);
      const fallback = other && findIn(other, name);
      if (fallback) return { model: fallback.model, isMeant: false, isOwn: false };
    }
    return null;
  };
}
