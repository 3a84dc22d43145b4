import type { CountColumn } from '../../price/usage-counts.ts';
import type { UsageUnit } from '../../price/usage-units.ts';

/** What a field of LiteLLM's prices says. */
export interface CostField {
  unit: CountColumn | UsageUnit;
  /** Null = the standard tier. */
  serviceTier: string | null;
  /** More than so many input tokens; null = any number. */
  above: number | null;
}

/** LiteLLM's field -> our unit. Fields that are not here state what no unit can say. */
const UNITS: ReadonlyMap<string, CountColumn | UsageUnit> = new Map([
  ['input_cost_per_token', 'input_tokens'],
  ['output_cost_per_token', 'output_tokens'],
  ['cache_read_input_token_cost', 'cache_read_tokens'],
  ['cache_creation_input_token_cost', 'cache_write_tokens'],
  ['cache_creation_input_token_cost_above_1hr', 'cache_write_1h_tokens'],
  ['cache_creation_input_token_cost_above_12hr', 'cache_write_12h_tokens'],
  ['cache_creation_input_audio_token_cost', 'cache_audio_write_tokens'],
  ['cache_read_input_audio_token_cost', 'cache_audio_read_tokens'],
  ['cache_read_input_image_token_cost', 'cache_image_read_tokens'],
  ['output_cost_per_reasoning_token', 'reasoning_tokens'],
  ['input_cost_per_audio_token', 'input_audio_tokens'],
  ['output_cost_per_audio_token', 'output_audio_tokens'],
  ['input_cost_per_image_token', 'input_image_tokens'],
  ['output_cost_per_image_token', 'output_image_tokens'],
  ['input_cost_per_video_token', 'input_video_tokens'],
  ['output_cost_per_video_token', 'output_video_tokens'],
  ['citation_cost_per_token', 'output_citation_tokens'],
  ['input_cost_per_image', 'input_images'],
  ['output_cost_per_image', 'output_images'],
  ['input_cost_per_pixel', 'input_pixels'],
  ['output_cost_per_pixel', 'output_pixels'],
  ['input_cost_per_second', 'input_audio_seconds'],
  ['output_cost_per_second', 'output_audio_seconds'],
  ['input_cost_per_audio_per_second', 'input_audio_seconds'],
  ['input_cost_per_video_per_second', 'input_video_seconds'],
  ['output_cost_per_video_per_second', 'output_video_seconds'],
  ['input_cost_per_character', 'input_characters'],
  ['output_cost_per_character', 'output_characters'],
  ['ocr_cost_per_page', 'input_document_pages'],
  ['annotation_cost_per_page', 'input_annotated_document_pages'],
  ['input_cost_per_text_message', 'input_text_messages'],
  ['input_cost_per_query', 'searches'],
  ['input_cost_per_request', 'requests'],
  ['google_maps_grounding_cost_per_query', 'maps_grounding_queries'],
  ['code_interpreter_cost_per_session', 'code_interpreter_sessions'],
]);

/** Where a unit depends on what the model does, by its `mode`. */
const UNITS_BY_MODE: ReadonlyMap<string, CountColumn | UsageUnit> = new Map([
  // What a call of an image model costs for each image is what it makes, whatever the field says.
  ['image_generation input_pixels', 'output_pixels'],
  ['video_generation output_audio_seconds', 'output_video_seconds'],
  ['video_generation input_audio_seconds', 'input_video_seconds'],
]);

const FIELD = /^(?<name>[a-z_]+?(?:_above_1hr|_above_12hr)?)(?:_above_(?<above>\d+)k_tokens)?(?:_(?<tier>[a-z]+))?$/;
/** LiteLLM's word -> what an event's service tier is called. */
const TIERS: ReadonlyMap<string, string> = new Map([['batches', 'batch']]);

/**
 * Reads the name of a cost field, `input_cost_per_token_above_200k_tokens_batches` for one. A word
 * that is not known is the name of a service tier.
 * @returns null when no unit can say it: a cost by resolution, by effort, or in a provider's own coin
 */
export function readCostField(field: string, mode: string | null): CostField | null {
  const whole = UNITS.get(field);
  const groups = whole === undefined ? FIELD.exec(field)?.groups : { name: field };
  const name = groups?.name ?? '';
  const unit = whole ?? UNITS.get(name);
  if (unit === undefined) return null;
  const tier = groups?.tier ?? null;
  return {
    unit: UNITS_BY_MODE.get(`${mode} ${unit}`) ?? unit,
    serviceTier: tier === null ? null : (TIERS.get(tier) ?? tier),
    above: groups?.above === undefined ? null : Number(groups.above) * 1000,
  };
}
