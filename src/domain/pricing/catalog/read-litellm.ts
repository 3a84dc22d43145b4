import { z } from 'zod';
import type { RoundedPrice } from '../price/catalog.ts';
import { fillSheets } from './fill-sheets.ts';
import { type RawEntry, readLitellmEntry } from './litellm-entry.ts';
import { readLitellmName } from './litellm-names.ts';
import { quoteNumbers } from './price-text.ts';
import type { SourceData, SourceModel } from './source-data.ts';

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
  const models = new Map<string, { model: SourceModel; rank: number }>();
  for (const [key, raw] of Object.entries(file.parse(JSON.parse(quoteNumbers(text))))) {
    const known = entry.safeParse(raw);
    const name = known.success ? readLitellmName(key, known.data.litellm_provider) : null;
    if (!known.success || name === null) {
      skipped.push({ key, reason: known.success ? 'names no model' : 'has no provider' });
      continue;
    }
    const { provider, model: id, rank } = name;
    const onRounded = (unit: string, given: string, kept: string) =>
      rounded.push({ provider, model: id, unit, given, kept });
    const read = readLitellmEntry(known.data satisfies RawEntry, provider, onRounded);
    if ('problem' in read) {
      skipped.push({ key, reason: read.problem });
      continue;
    }
    const model = { provider, model: id, match: { equals: id }, sheets: read.sheets };
    const other = models.get(`${provider}\n${id}`);
    if (other === undefined) models.set(`${provider}\n${id}`, { model, rank });
    else if (rank < other.rank) models.set(`${provider}\n${id}`, { model: fillFrom(model, other.model), rank });
    else other.model = fillFrom(other.model, model);
  }
  const found = [...models.values()].map(({ model }) => model);
  const providers = [...new Set(found.map(({ provider }) => provider))].map((id) => ({
    id,
    name: id,
    fallbackProviders: [],
  }));
  return { name: 'litellm', version, providers, models: found, rounded, skipped };
}

/** One model through two doors: what only the other door states is added where the rest is equal. */
function fillFrom(model: SourceModel, other: SourceModel): SourceModel {
  return { ...model, sheets: fillSheets(model.sheets, other.sheets) };
}
