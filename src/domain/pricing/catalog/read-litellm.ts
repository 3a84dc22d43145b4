import { z } from 'zod';
import type { RoundedPrice } from '../price/catalog.ts';
import { readLitellmEntry } from './litellm/litellm-entry.ts';
import { readLitellmName } from './litellm/litellm-names.ts';
import { findDifference } from './sheets/compare-units.ts';
import { fillSheets } from './sheets/fill-sheets.ts';
import { quoteNumbers } from './sheets/price-text.ts';
import type { SourceData, SourceModel } from './sheets/source-data.ts';

const file = z.record(z.string().max(512), z.unknown());
const entry = z.looseObject({
  litellm_provider: z.string().min(1).max(256),
  mode: z.string().nullish(),
  deprecation_date: z.string().nullish(),
});

/** An entry that was left out, and why. */
export interface SkippedEntry {
  key: string;
  reason: string;
}

export interface LitellmSource extends SourceData {
  skipped: SkippedEntry[];
}

type Models = Map<string, { model: SourceModel; rank: number }>;

/** A model that is free through one door only is a trial, which stands behind the price of the other. */
const FREE_RANK = 2;

export function isFree({ sheets }: SourceModel): boolean {
  return sheets.every(({ units }) =>
    units.every(({ price, tiers }) => price === '0' && tiers.every((tier) => tier.price === '0')),
  );
}

/** One model through two doors: what only the other door states is added where the rest is equal. */
function fillFrom(model: SourceModel, other: SourceModel): SourceModel {
  const units = (one: SourceModel) => one.sheets.find(({ serviceTier }) => serviceTier === null)?.units ?? [];
  if (findDifference(units(model), units(other))) return model;
  return { ...model, sheets: fillSheets(model.sheets, other.sheets) };
}

function addModel(models: Models, model: SourceModel, door: number): void {
  const key = `${model.provider}\n${model.model}`;
  const rank = isFree(model) ? FREE_RANK : door;
  const known = models.get(key);
  if (known === undefined) models.set(key, { model, rank });
  else if (rank < known.rank) models.set(key, { model: fillFrom(model, known.model), rank });
  else known.model = fillFrom(known.model, model);
}

/** Reads one entry into `models`. @returns why it is left out, or null */
function readEntry(key: string, raw: unknown, models: Models, rounded: RoundedPrice[]): string | null {
  const known = entry.safeParse(raw);
  if (!known.success) return 'does not name its provider';
  const name = readLitellmName(key, known.data.litellm_provider);
  if (name === null) return 'names no model';
  const { provider, model } = name;
  const read = readLitellmEntry(known.data, provider, (unit, given, kept) =>
    rounded.push({ provider, model, unit, given, kept }),
  );
  if ('problem' in read) return read.problem;
  addModel(models, { provider, model, match: { equals: model }, sheets: read.sheets }, name.rank);
  return null;
}

/**
 * Reads LiteLLM's `model_prices_and_context_window.json`. Takes the text, not what JSON.parse makes of
 * it: prices are read by their digits. Entries without a price, and those that do not fit the schema,
 * are left out and stand in `skipped`.
 * @param text of the file
 * @param version what `sources` of a price will name: a release, or a date
 * @throws Error when the text is no JSON object
 */
export function readLitellmSource(text: string, version: string): LitellmSource {
  const skipped: SkippedEntry[] = [];
  const rounded: RoundedPrice[] = [];
  const models: Models = new Map();
  for (const [key, raw] of Object.entries(file.parse(JSON.parse(quoteNumbers(text))))) {
    const reason = readEntry(key, raw, models, rounded);
    if (reason !== null) skipped.push({ key, reason });
  }
  const found = [...models.values()].map(({ model }) => model);
  const ids = [...new Set(found.map(({ provider }) => provider))];
  const providers = ids.map((id) => ({ id, name: id, fallbackProviders: [] }));
  return { name: 'litellm', version, providers, models: found, rounded, skipped };
}
