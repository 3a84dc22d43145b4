import { createHash } from 'node:crypto';
import type { Catalog, CatalogProvider } from '../price/catalog.ts';
import type { MatchRule, Price } from '../price/price.ts';
import { applyCorrections } from './apply-corrections.ts';
import { identifyPrice } from './identify-price.ts';
import { findDispute, joinSheets, singleSheets } from './join-sheets.ts';
import { createPairing, type Pairing } from './pair-models.ts';
import type { Correction } from './read-corrections.ts';
import { isFree } from './read-litellm.ts';
import type { CombinedModel, CombinedSheet } from './sheets/combined-model.ts';
import type { SourceData, SourceModel, SourceSheet } from './sheets/source-data.ts';
import { SHIPPED_AT_MS, type Sources } from './sources.ts';

const DIGEST_LENGTH = 8;

export type { Sources } from './sources.ts';

const nameOf = ({ name, version }: SourceData) => ({ name, version });
const keyOf = ({ provider, model }: { provider: string; model: string }) => `${provider}\n${model}`;

/** Of the names that LiteLLM prices alike, one entry; it stands before the rule that takes them too. */
function splitModel(names: readonly SourceModel[], genai: SourceModel, sheets: CombinedSheet[]): CombinedModel {
  const [first] = names;
  const { provider, model } = first ?? genai;
  const rules: MatchRule[] = names.map(({ model: name }) => ({ equals: name }));
  const match = rules.length === 1 && rules[0] ? rules[0] : { or: rules };
  return { provider, model, match, sheets, stated: { genai, litellm: first ?? null } };
}

/** A model of genai-prices with the names of LiteLLM that it takes: those that are priced alike together. */
function joinModel(genai: SourceModel, names: readonly SourceModel[], sources: Sources, atMs: number): CombinedModel[] {
  const first = { model: genai, source: nameOf(sources.genai) };
  const groups = new Map<string, { sheets: CombinedSheet[]; names: SourceModel[] }>();
  for (const name of names) {
    const sheets = joinSheets(first, { model: name, source: nameOf(sources.litellm) }, atMs);
    const key = JSON.stringify(sheets);
    const group = groups.get(key);
    if (group) group.names.push(name);
    else groups.set(key, { sheets, names: [name] });
  }
  const all = [...groups.values()];
  const main =
    all.find((group) => group.names.some(({ model }) => model === genai.model)) ??
    all.find(({ sheets }) => sheets.some(({ agreement }) => agreement === 'agreed')) ??
    all[0];
  const split = all.filter((group) => group !== main).map((group) => splitModel(group.names, genai, group.sheets));
  const { provider, model, match } = genai;
  const sheets = main?.sheets ?? singleSheets(first);
  return [...split, { provider, model, match, sheets, stated: { genai, litellm: main?.names[0] ?? null } }];
}

interface Sorted {
  /** By the model of genai-prices that takes them. */
  taken: Map<SourceModel, SourceModel[]>;
  others: CombinedModel[];
}

const BASES: ReadonlySet<string> = new Set(['input_tokens', 'output_tokens']);

function onlyBases({ sheets }: SourceModel): SourceSheet[] {
  return sheets.map((sheet) => ({ ...sheet, units: sheet.units.filter(({ unit }) => BASES.has(unit)) }));
}

/**
 * Where genai-prices does not mean the name (it falls back to another provider, or a rule is blind for
 * regions) but states the same base price: its dates, with LiteLLM's own prices of everything else.
 */
function fallBack(name: SourceModel, { model: found }: Pairing, sources: Sources, atMs: number): CombinedModel | null {
  if (findDispute(onlyBases(found), onlyBases(name), atMs)) return null;
  const stated = name.sheets.find(({ serviceTier, dailyWindow }) => serviceTier === null && dailyWindow === null);
  const units = new Map(stated?.units.map((unit) => [unit.unit, unit]));
  const own = found.sheets.map((sheet) => ({
    ...sheet,
    units: sheet.units.map((unit) => (BASES.has(unit.unit) ? unit : (units.get(unit.unit) ?? unit))),
  }));
  const first = { model: { ...found, sheets: own }, source: nameOf(sources.genai) };
  const sheets = joinSheets(first, { model: name, source: nameOf(sources.litellm) }, atMs);
  const { provider, model, match } = name;
  return { provider, model, match, sheets, stated: { genai: first.model, litellm: name } };
}

function sortNames(sources: Sources, atMs: number): Sorted {
  const { genai, litellm } = sources;
  const pair = createPairing(genai);
  const sorted: Sorted = { taken: new Map(), others: [] };
  for (const name of litellm.models) {
    const found = pair(name.provider, name.model);
    // "Free" beside a price means that LiteLLM has not been told.
    if (found && isFree(name) && !isFree(found.model)) continue;
    if (found?.isOwn && (found.isMeant || !findDispute(found.model.sheets, name.sheets, atMs))) {
      sorted.taken.set(found.model, [...(sorted.taken.get(found.model) ?? []), name]);
      continue;
    }
    const { provider, model, match } = name;
    const alone = { provider, model, match, sheets: singleSheets({ model: name, source: nameOf(litellm) }) };
    const shared = found && fallBack(name, found, sources, atMs);
    sorted.others.push(shared ?? { ...alone, stated: { genai: null, litellm: name } });
  }
  return sorted;
}

function listProviders({ genai, litellm, corrections }: Sources): CatalogProvider[] {
  const known = new Set(genai.providers.map(({ id }) => id));
  const others = new Set([...litellm.models, ...corrections].map(({ provider }) => provider));
  const added = [...others].filter((id) => !known.has(id)).sort();
  return [...genai.providers, ...added.map((id) => ({ id, name: id, fallbackProviders: [] }))];
}

function toPrices(models: readonly CombinedModel[]): Price[] {
  const listed = models.flatMap(({ provider, model, match, sheets }) =>
    sheets.map((sheet) => ({ provider, model, match, sheet })),
  );
  return listed.map(({ provider, model, match, sheet }, ordinal) => {
    const { serviceTier, region, validFrom, validTo, dailyWindow, units, sources, agreement, dispute } = sheet;
    // The price was taken from the first of its sources.
    const [first] = sources;
    const source = first?.name ?? '';
    const price = {
      organizationId: null,
      provider,
      model,
      match,
      serviceTier,
      region,
      validFrom,
      validTo,
      dailyWindow,
    };
    const text = dispute === null ? null : `the price of ${model} is disputed: ${dispute}`;
    const stated = { units, source, sourceVersion: first?.version ?? '', sources, agreement, dispute: text };
    return { ...identifyPrice({ ...price, ...stated }), ordinal };
  });
}

/** Another digest where any price, or what is said of it, is another. */
function digestOf(prices: readonly Price[]): string {
  return createHash('sha256').update(JSON.stringify(prices)).digest('hex').slice(0, DIGEST_LENGTH);
}

/** The last day on which somebody wrote a correction. */
function lastDate(corrections: readonly Correction[]): string {
  return (
    corrections
      .map(({ date }) => date)
      .sort()
      .at(-1) ?? 'none'
  );
}

/**
 * Joins the sources to one catalog, corrections over genai-prices over LiteLLM. The same sources
 * always give the same catalog, ids included. A price made by a correction has
 * `source: 'corrections'`; prices without a date hold for all time: who imports a change dates it.
 */
export function combineSources(sources: Sources): Catalog {
  const { genai, litellm, corrections, atMs = SHIPPED_AT_MS } = sources;
  const { taken, others } = sortNames(sources, atMs);
  const joined = genai.models.flatMap((model) => joinModel(model, taken.get(model) ?? [], sources, atMs));
  const owned = new Set(joined.map(keyOf));
  const combined = [...joined, ...others.filter((one) => !owned.has(keyOf(one)))];
  const models = applyCorrections(combined, { ...sources, atMs });
  const prices = toPrices(models);
  const parts = [genai.version, `litellm.${litellm.version}`, `corrections.${lastDate(corrections)}`];
  return {
    version: `${parts.join('+')}+${digestOf(prices)}`,
    providers: listProviders(sources),
    prices,
    rounded: [...genai.rounded, ...litellm.rounded],
  };
}
