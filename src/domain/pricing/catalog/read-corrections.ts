import { z } from 'zod';
import type { DailyWindow, UnitPrice } from '../price/price.ts';
import { USAGE_COUNTS } from '../price/usage-counts.ts';
import { USAGE_UNITS } from '../price/usage-units.ts';

const UNITS: ReadonlySet<string> = new Set([
  ...USAGE_COUNTS.map(({ column }) => column),
  ...USAGE_UNITS.map(({ unit }) => unit),
]);
const MILLION = 1_000_000;

const price = z.string().regex(/^\d+(?:\.\d{1,12})?$/, 'a plain decimal of at most 12 places');
const unitPrice = z.union([
  price,
  z.strictObject({
    price,
    per: z.number().int().min(1).optional(),
    tiers: z.array(z.strictObject({ above: z.number().int().min(0), price })).optional(),
  }),
]);
const units = z.record(
  z.string().refine((unit) => UNITS.has(unit), 'no unit of usage'),
  unitPrice,
);
const clock = z.string().regex(/^(?:[01]\d|2[0-4]):[0-5]\d$/);
const time = z.iso.datetime();
const source = z
  .string()
  .regex(/^(?:https:\/\/\S+|[\w.-]+\/[\w.-]+#\d+)$/, 'a public address or owner/repository#number');

const line = z.strictObject({
  provider: z.string().min(1),
  /** Names of models; `*` at the end of one takes all that begin so. */
  models: z.array(z.string().min(1)).min(1),
  service_tier: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  /** The whole sheet: nothing of the sources stays. */
  sheet: units.optional(),
  /** These units of the sources' sheets change or are added. */
  units: units.optional(),
  /** Steps that these sheets do not have any more. */
  without_steps: z.literal(true).optional(),
  /** Steps above so many input tokens begin one token earlier: at so many. */
  steps_include_edge: z.literal(true).optional(),
  /** The vendor's own factor on the standard price of all tokens, for this tier or region. */
  times: price.optional(),
  /** With `times`: these units alone, in the sheets that the sources state of the tier. */
  only: z.array(z.string().refine((unit) => UNITS.has(unit), 'no unit of usage')).optional(),
  /** The source that is right where they differ. */
  confirms: z.enum(['genai-prices', 'litellm']).optional(),
  valid_from: time.optional(),
  window: z
    .strictObject({ start: clock, end: clock, weekdays: z.array(z.number().int().min(0).max(6)).optional() })
    .optional(),
  date: z.iso.date(),
  source: z.union([source, z.array(source).min(1)]),
  why: z.string().min(10),
});

/** A line of `prices/corrections.json`, checked. */
export interface Correction {
  provider: string;
  models: string[];
  /** Null = the standard tier, or with `times` and a region all tiers. */
  serviceTier: string | null;
  region: string | null;
  change:
    | { kind: 'sheet' | 'units'; units: UnitPrice[] }
    | { kind: 'times'; factor: string; only: string[] | null }
    | { kind: 'confirms'; name: 'genai-prices' | 'litellm' }
    | { kind: 'withoutSteps' | 'stepsIncludeEdge' };
  /** Epoch milliseconds; null = it always was so. */
  validFrom: number | null;
  dailyWindow: DailyWindow | null;
  /** When somebody of Meterr wrote it, `YYYY-MM-DD`. */
  date: string;
  /** The public addresses, or `owner/repository#issue`, that state it. */
  sources: string[];
  why: string;
}

function readUnits(given: z.infer<typeof units>): UnitPrice[] {
  return Object.entries(given).map(([unit, value]) => {
    const standard = unit.endsWith('_tokens') ? MILLION : 1;
    if (typeof value === 'string') return { unit, price: value, per: standard, tiers: [] };
    return { unit, price: value.price, per: value.per ?? standard, tiers: value.tiers ?? [] };
  });
}

function readChange(given: z.infer<typeof line>): Correction['change'] {
  const changes: Correction['change'][] = [];
  if (given.sheet) changes.push({ kind: 'sheet', units: readUnits(given.sheet) });
  if (given.units) changes.push({ kind: 'units', units: readUnits(given.units) });
  if (given.times) changes.push({ kind: 'times', factor: given.times, only: given.only ?? null });
  if (given.confirms) changes.push({ kind: 'confirms', name: given.confirms });
  if (given.without_steps) changes.push({ kind: 'withoutSteps' });
  if (given.steps_include_edge) changes.push({ kind: 'stepsIncludeEdge' });
  const [only, second] = changes;
  if (!only || second)
    throw new Error('says not exactly one of sheet, units, times, confirms, without_steps, steps_include_edge');
  return only;
}

function seconds(at: string): number {
  const [hours = 0, minutes = 0] = at.split(':').map(Number);
  return hours * 3600 + minutes * 60;
}

function readLine(given: z.infer<typeof line>): Correction {
  const { window } = given;
  return {
    provider: given.provider,
    models: given.models,
    serviceTier: given.service_tier ?? null,
    region: given.region ?? null,
    change: readChange(given),
    validFrom: given.valid_from === undefined ? null : Date.parse(given.valid_from),
    dailyWindow: window
      ? { startSeconds: seconds(window.start), endSeconds: seconds(window.end), weekdays: window.weekdays ?? null }
      : null,
    date: given.date,
    sources: [given.source].flat(),
    why: given.why,
  };
}

/**
 * Reads the parsed `prices/corrections.json`.
 * @throws Error that names the line and the field when one is invalid
 */
export function readCorrections(json: unknown): Correction[] {
  return z
    .array(z.unknown())
    .parse(json)
    .map((raw, index) => {
      const read = line.safeParse(raw);
      if (!read.success) throw new Error(`corrections.json, line ${index + 1}: ${z.prettifyError(read.error)}`);
      try {
        return readLine(read.data);
      } catch (error) {
        throw new Error(`corrections.json, line ${index + 1}: ${error instanceof Error ? error.message : error}`);
      }
    });
}
