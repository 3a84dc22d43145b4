import { z } from 'zod';
import type { DailyWindow, UnitPrice } from '../../price/price.ts';
import { readPrice } from '../sheets/price-text.ts';
import type { SourceSheet } from '../sheets/source-data.ts';
import { readCostField } from './litellm-fields.ts';

/** An entry of the map, its numbers as strings. */
export type RawEntry = { [field: string]: unknown; mode?: string | null };

type OnRounded = (unit: string, given: string, kept: string) => void;

const windows = z.object({
  windows: z.array(
    z.object({
      hours_utc: z.union([z.string(), z.array(z.string())]),
      weekdays: z.array(z.coerce.number().int().min(1).max(7)).nullish(),
    }),
  ),
});
const steps = z.array(z.looseObject({ range: z.tuple([z.coerce.number(), z.coerce.number()]) }));
const HOURS = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/;
const DAY_SECONDS = 86_400;

/** LiteLLM's days are 1 = Monday to 7 = Sunday; ours 0 = Sunday to 6. */
function readWindows(given: z.infer<typeof windows>): DailyWindow[] {
  return given.windows.flatMap(({ hours_utc, weekdays }) =>
    [hours_utc].flat().map((hours) => {
      const [, fromHour, fromMinute, toHour, toMinute] = HOURS.exec(hours) ?? [];
      const startSeconds = Number(fromHour) * 3600 + Number(fromMinute) * 60;
      const endSeconds = Number(toHour) * 3600 + Number(toMinute) * 60;
      if (Number.isNaN(startSeconds + endSeconds)) throw new Error(`invalid hours: ${hours}`);
      const days = weekdays ? weekdays.map((day) => day % 7).sort() : null;
      return { startSeconds, endSeconds: endSeconds === 0 ? DAY_SECONDS : endSeconds, weekdays: days };
    }),
  );
}

/** The cost of a web search: of the sizes of its context the middle one, the vendors' default. */
function searchCost(fields: RawEntry): string | undefined {
  const sizes = fields.search_context_cost_per_query;
  if (typeof sizes !== 'object' || sizes === null) return undefined;
  const bySize = new Map(Object.entries(sizes));
  const cost = bySize.get('search_context_size_medium') ?? bySize.get('search_context_size_low');
  return typeof cost === 'string' ? cost : undefined;
}

/**
 * What a search is counted as: Google charges its grounding, Perplexity each request by the size of
 * its context (the smallest is its default), deep research each search.
 */
function searchUnit(provider: string, fields: RawEntry): { unit: string; cost: string } | null {
  const cost = searchCost(fields);
  if (cost === undefined) return null;
  // Claude on Vertex searches by itself, and has no grounding.
  if (provider === 'google' && fields.litellm_provider !== 'vertex_ai-anthropic_models')
    return { unit: 'grounding_queries', cost };
  if (provider !== 'perplexity' || fields.citation_cost_per_token !== undefined) return { unit: 'web_searches', cost };
  const sizes = new Map(Object.entries(fields.search_context_cost_per_query ?? {}));
  const smallest = sizes.get('search_context_size_low');
  return { unit: 'requests', cost: typeof smallest === 'string' ? smallest : cost };
}

/** What is stated of a tier of service: its units, each with its steps by input tokens. */
type Sheet = Map<string, UnitPrice>;

class InvalidPrice extends Error {}

/** Zero for these means that nothing is stated: a write to a cache that is charged as input. */
const NOT_FREE: ReadonlySet<string> = new Set(['cache_write_tokens', 'cache_audio_write_tokens']);

function addPrice(sheet: Sheet, unit: string, above: number | null, text: unknown, onRounded: OnRounded): void {
  if (text === null || typeof text === 'object') return;
  const read = readPrice(String(text), unit.endsWith('_tokens'));
  if (read === undefined) throw new InvalidPrice(`has a price that is no number of at least 0: ${unit} ${text}`);
  if (read.rounded !== null) onRounded(unit, read.rounded, read.price);
  if (read.price === '0' && NOT_FREE.has(unit)) return;
  const known = sheet.get(unit);
  if (above === null || above === 0) {
    if (known === undefined || known.price === '0')
      sheet.set(unit, { unit, price: read.price, per: read.per, tiers: known?.tiers ?? [] });
    return;
  }
  // A step above a price that nobody states says nothing of smaller requests.
  if (known === undefined || known.per !== read.per) return;
  known.tiers.push({ above, price: read.price });
  known.tiers.sort((a, b) => a.above - b.above);
}

function addFields(
  tiers: Map<string | null, Sheet>,
  fields: RawEntry,
  from: number | null,
  onRounded: OnRounded,
): void {
  // Prices for any number of input tokens first, then the steps.
  const named = Object.entries(fields)
    .map(([field, text]) => ({ cost: readCostField(field, fields.mode ?? null), text }))
    .sort((a, b) => (a.cost?.above ?? 0) - (b.cost?.above ?? 0));
  for (const { cost, text } of named) {
    if (cost === null) continue;
    const sheet = tiers.get(cost.serviceTier) ?? new Map<string, UnitPrice>();
    tiers.set(cost.serviceTier, sheet);
    addPrice(sheet, cost.unit, from ?? cost.above, text, onRounded);
  }
}

/** Reasoning that costs what other output does needs no price: it is part of the output. */
function dropEqualReasoning(sheet: Sheet): void {
  const [reasoning, output] = [sheet.get('reasoning_tokens'), sheet.get('output_tokens')];
  if (reasoning && output && reasoning.price === output.price && reasoning.tiers.length <= output.tiers.length) {
    const isEqual = reasoning.tiers.every(({ price }, at) => price === output.tiers[at]?.price);
    if (isEqual) sheet.delete('reasoning_tokens');
  }
}

/**
 * A tier's sheet is complete: what the vendor states no price of for the tier costs what it does in
 * the standard tier.
 */
function complete(sheet: Sheet, standard: Sheet): UnitPrice[] {
  const units = new Map([...standard, ...sheet]);
  return [...units.values()];
}

function offPeakSheets(fields: RawEntry, standard: Sheet, onRounded: OnRounded): SourceSheet[] {
  const given = fields.off_peak_pricing;
  if (given === undefined) return [];
  const tiers = new Map<string | null, Sheet>();
  addFields(tiers, { ...(given as RawEntry), mode: fields.mode }, null, onRounded);
  const units = complete(tiers.get(null) ?? new Map(), standard);
  return readWindows(windows.parse(given)).map((dailyWindow) => ({
    serviceTier: null,
    region: null,
    validFrom: null,
    dailyWindow,
    units,
  }));
}

function readSheets(fields: RawEntry, provider: string, onRounded: OnRounded): SourceSheet[] {
  const tiers = new Map<string | null, Sheet>([[null, new Map()]]);
  addFields(tiers, fields, null, onRounded);
  const ranges = steps.safeParse(fields.tiered_pricing);
  for (const { range, ...costs } of ranges.success ? ranges.data : []) addFields(tiers, costs, range[0], onRounded);
  const standard = tiers.get(null) ?? new Map<string, UnitPrice>();
  const hit = fields.input_cost_per_token_cache_hit;
  if (hit !== undefined && !standard.has('cache_read_tokens'))
    addPrice(standard, 'cache_read_tokens', null, hit, onRounded);
  const search = searchUnit(provider, fields);
  if (search) addPrice(standard, search.unit, null, search.cost, onRounded);
  for (const sheet of tiers.values()) dropEqualReasoning(sheet);
  const base = { region: null, validFrom: null, dailyWindow: null };
  const ofTiers = [...tiers].flatMap(([serviceTier, sheet]) =>
    sheet.size === 0
      ? []
      : [{ ...base, serviceTier, units: serviceTier === null ? [...sheet.values()] : complete(sheet, standard) }],
  );
  return [...ofTiers, ...offPeakSheets(fields, standard, onRounded)];
}

/** The sheets of one entry, or what is wrong with it. */
export function readLitellmEntry(
  fields: RawEntry,
  provider: string,
  onRounded: OnRounded,
): { sheets: SourceSheet[] } | { problem: string } {
  try {
    const sheets = readSheets(fields, provider, onRounded);
    return sheets.length === 0 ? { problem: 'has no price that a unit can say' } : { sheets };
  } catch (error) {
    if (error instanceof InvalidPrice || error instanceof z.ZodError) return { problem: error.message };
    throw error;
  }
}
