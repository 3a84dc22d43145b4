import type { ChargedUnit } from './compile-price.ts';
import type { UsageCounts } from './usage-counts.ts';
import { USAGE_UNITS, type UsageUnit, type UsageUnits } from './usage-units.ts';

/** Disjoint quantities by unit. */
export type Quantities = Map<ChargedUnit, number>;

interface Split {
  counts: UsageCounts;
  units: UsageUnits;
  /** Whether a unit has a price. */
  has: (unit: ChargedUnit) => boolean;
  quantities: Quantities;
}

/** The forms of input, and the names of what of each was read from a cache or written to one. */
const INPUT_FORMS = [
  { fresh: 'input_audio_tokens', read: 'cache_audio_read_tokens', write: 'cache_audio_write_tokens' },
  { fresh: 'input_image_tokens', read: 'cache_image_read_tokens', write: null },
  { fresh: 'input_video_tokens', read: 'cache_video_read_tokens', write: null },
] as const;

/** What is priced of a cache, whatever the form of it; and what of it no form has taken yet. */
interface Cached {
  unit: 'cache_read_tokens' | 'cache_write_tokens';
  priced: number;
  left: number;
}

/**
 * Takes what was stated of one form out of a cache.
 * @returns how much of the form's tokens pay a price of the cache
 */
function takeCached({ units, has, quantities }: Split, cache: Cached, unit: keyof UsageUnits | null): number {
  const taken = unit === null ? 0 : Math.min(units[unit] ?? 0, cache.left);
  if (unit === null || taken === 0) return 0;
  cache.left -= taken;
  if (!has(unit)) return has(cache.unit) ? taken : 0;
  quantities.set(unit, taken);
  if (has(cache.unit)) cache.priced -= taken;
  return taken;
}

/** Input by cache and by form. A part that has no price of its own stays where it is. */
function splitInput(split: Split): void {
  const { counts, units, has, quantities } = split;
  const write1h = has('cache_write_1h_tokens') ? counts.cacheWrite1hTokens : 0;
  const writes = counts.cacheWriteTokens - counts.cacheWrite1hTokens;
  const write12h = has('cache_write_12h_tokens') ? Math.min(units.cache_write_12h_tokens ?? 0, writes) : 0;
  const read: Cached = {
    unit: 'cache_read_tokens',
    priced: has('cache_read_tokens') ? counts.cacheReadTokens : 0,
    left: counts.cacheReadTokens,
  };
  const write: Cached = {
    unit: 'cache_write_tokens',
    priced: has('cache_write_tokens') ? counts.cacheWriteTokens - write1h - write12h : 0,
    left: writes - write12h,
  };
  const fresh = INPUT_FORMS.map((form) => {
    const given = form.fresh === 'input_audio_tokens' ? counts.inputAudioTokens : (units[form.fresh] ?? 0);
    const cached = takeCached(split, read, form.read) + takeCached(split, write, form.write);
    return { form, wanted: has(form.fresh) ? Math.max(0, given - cached) : 0 };
  });
  let room = counts.inputTokens - read.priced - write.priced - write1h - write12h;
  for (const taken of quantities.values()) room -= taken;
  // What does not fit beside the caches was cached, though nobody said so.
  for (const { form, wanted } of fresh) {
    const fits = Math.min(wanted, room);
    room -= fits;
    quantities.set(form.fresh, fits);
    const cached = has(form.read) ? Math.min(wanted - fits, read.priced) : 0;
    read.priced -= cached;
    if (cached > 0) quantities.set(form.read, (quantities.get(form.read) ?? 0) + cached);
  }
  quantities.set('input_tokens', room);
  quantities.set('cache_read_tokens', read.priced);
  quantities.set('cache_write_tokens', write.priced);
  quantities.set('cache_write_1h_tokens', write1h);
  quantities.set('cache_write_12h_tokens', write12h);
}

function splitOutput({ counts, units, has, quantities }: Split): void {
  let left = counts.outputTokens;
  const take = (unit: ChargedUnit, given = 0) => {
    const taken = has(unit) ? Math.min(given, left) : 0;
    left -= taken;
    quantities.set(unit, taken);
  };
  take('reasoning_tokens', counts.reasoningTokens);
  take('output_audio_tokens', counts.outputAudioTokens);
  take('output_image_tokens', units.output_image_tokens);
  take('output_video_tokens', units.output_video_tokens);
  quantities.set('output_tokens', left);
}

/**
 * What measures the same as tokens do. Where a sheet prices both, sources state two prices of one
 * thing (an image is so many tokens), so it is charged by its tokens where they are counted.
 */
const MEASURED_TWICE = [
  ['input_images', 'input_image_tokens'],
  ['output_images', 'output_image_tokens'],
  ['input_audio_seconds', 'input_audio_tokens'],
  ['output_audio_seconds', 'output_audio_tokens'],
  ['input_video_seconds', 'input_video_tokens'],
  ['output_video_seconds', 'output_video_tokens'],
  ['input_characters', 'input_tokens'],
  ['output_characters', 'output_tokens'],
] as const;

/** How many tokens of a form were counted, wherever they are charged. */
function countedTokens({ counts, units }: Split, unit: ChargedUnit): number {
  switch (unit) {
    case 'input_tokens':
      return counts.inputTokens;
    case 'output_tokens':
      return counts.outputTokens;
    case 'input_audio_tokens':
      return counts.inputAudioTokens;
    case 'output_audio_tokens':
      return counts.outputAudioTokens;
    default:
      return units[unit as UsageUnit] ?? 0;
  }
}

/** What is no part of the tokens. */
function splitOthers(split: Split): void {
  const { counts, units, has, quantities } = split;
  for (const { unit, partOf } of USAGE_UNITS) if (partOf === null) quantities.set(unit, units[unit] ?? 0);
  for (const [measure, tokens] of MEASURED_TWICE) {
    if (has(tokens) && countedTokens(split, tokens) > 0) quantities.set(measure, 0);
  }
  const annotated = units.input_annotated_document_pages ?? 0;
  const pages = units.input_document_pages ?? 0;
  const isApart = has('input_annotated_document_pages') || pages === 0;
  quantities.set('input_annotated_document_pages', isApart ? annotated : 0);
  quantities.set('input_document_pages', isApart ? Math.max(0, pages - annotated) : pages);
  quantities.set('web_searches', counts.webSearches);
  // Most models charge nothing for a request as such.
  quantities.set('requests', has('requests') ? (units.requests ?? 1) : 0);
}

/**
 * Splits counts and units, whose totals include their parts, into disjoint quantities, as
 * `splitCounts` does for events without units, and with the same result for those. A part is taken
 * out of its total only where it has a price. What is read from a cache in a form pays that form's
 * cached price, else the cache's, else the form's, else that of the input. Parts that contradict
 * their total are cut to it: no quantity is negative.
 * @param has whether a unit has a price
 */
export function splitUnits(counts: UsageCounts, units: UsageUnits, has: Split['has']): Quantities {
  const split: Split = { counts, units, has, quantities: new Map() };
  splitInput(split);
  splitOutput(split);
  splitOthers(split);
  return split.quantities;
}
