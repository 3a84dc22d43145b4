import type { CountColumn } from './usage-counts.ts';

interface UnitDefinition {
  /** Its name in a price, in `units` of an event and in cost lines. */
  unit: string;
  /** What messages call it. */
  noun: string;
  /** The count or the unit that includes it; null where it is no part of another. */
  partOf: CountColumn | 'input_document_pages' | null;
}

/**
 * What else may be used and charged, beyond the counts that every event has: the one closed list of
 * the names that `units` takes. Few events have any, so they are no columns of the ledger. Whole
 * numbers, not negative. Tokens of a modality are parts of their total, as counts are.
 */
export const USAGE_UNITS = [
  { unit: 'input_image_tokens', noun: 'input images', partOf: 'input_tokens' },
  { unit: 'output_image_tokens', noun: 'output images', partOf: 'output_tokens' },
  { unit: 'input_video_tokens', noun: 'input video', partOf: 'input_tokens' },
  { unit: 'output_video_tokens', noun: 'output video', partOf: 'output_tokens' },
  { unit: 'cache_audio_read_tokens', noun: 'cached audio', partOf: 'cache_read_tokens' },
  { unit: 'cache_image_read_tokens', noun: 'cached images', partOf: 'cache_read_tokens' },
  { unit: 'cache_video_read_tokens', noun: 'cached video', partOf: 'cache_read_tokens' },
  { unit: 'cache_audio_write_tokens', noun: 'audio cache writes', partOf: 'cache_write_tokens' },
  { unit: 'cache_write_12h_tokens', noun: '12-hour cache writes', partOf: 'cache_write_tokens' },
  // Citations of deep research stand beside the output.
  { unit: 'output_citation_tokens', noun: 'citations', partOf: null },
  { unit: 'input_images', noun: 'input images', partOf: null },
  { unit: 'output_images', noun: 'output images', partOf: null },
  { unit: 'input_pixels', noun: 'input pixels', partOf: null },
  { unit: 'output_pixels', noun: 'output pixels', partOf: null },
  { unit: 'input_audio_seconds', noun: 'seconds of input audio', partOf: null },
  { unit: 'output_audio_seconds', noun: 'seconds of output audio', partOf: null },
  { unit: 'input_video_seconds', noun: 'seconds of input video', partOf: null },
  { unit: 'output_video_seconds', noun: 'seconds of output video', partOf: null },
  { unit: 'input_characters', noun: 'input characters', partOf: null },
  { unit: 'output_characters', noun: 'output characters', partOf: null },
  { unit: 'input_document_pages', noun: 'document pages', partOf: null },
  { unit: 'input_annotated_document_pages', noun: 'annotated pages', partOf: 'input_document_pages' },
  { unit: 'input_text_messages', noun: 'text messages', partOf: null },
  { unit: 'searches', noun: 'searches', partOf: null },
  { unit: 'storage_searches', noun: 'file searches', partOf: null },
  { unit: 'grounding_queries', noun: 'grounding queries', partOf: null },
  { unit: 'maps_grounding_queries', noun: 'map grounding queries', partOf: null },
  { unit: 'code_interpreter_sessions', noun: 'code interpreter sessions', partOf: null },
  // What one event stands for where it is not one request of the provider.
  { unit: 'requests', noun: 'requests', partOf: null },
] as const satisfies readonly UnitDefinition[];

/**
 * The units that genai-prices calls otherwise; its `input_audio_seconds` is meant where a sheet has
 * both. All others have the names of `USAGE_UNITS` and of the columns of counts.
 */
export const GENAI_UNIT_NAMES: ReadonlyMap<string, UsageUnit | CountColumn> = new Map([
  ['output_reasoning_tokens', 'reasoning_tokens'],
  ['audio_seconds', 'input_audio_seconds'],
  ['rerank_searches', 'searches'],
]);

export type UsageUnit = (typeof USAGE_UNITS)[number]['unit'];

/** Quantities by unit, none of them 0; an event that reverses another has negative ones. */
export type UsageUnits = Readonly<Partial<Record<UsageUnit, number>>>;
