import { readResponseId } from './provider-response-id.ts';
import { type Fields, type Source, toFields, toText } from './source/read-count.ts';

/** The model that the answer says has served. */
export function readModel(source: Source): string | null {
  const { body } = source;
  return toText(body?.model) ?? toText(body?.modelVersion) ?? toText(body?.model_version);
}

/**
 * The tier that the answer says was used, in the provider's word. Anthropic's fast mode is a price
 * of its own, so it is given as the tier `fast`; Gemini's traffic type is given in lower case.
 */
export function readServiceTier(source: Source): string | null {
  const { fields, body } = source;
  if (fields.speed === 'fast') return 'fast';
  if (source.isBatch) return 'batch';
  const traffic = toText(fields.trafficType) ?? toText(fields.traffic_type);
  return (
    toText(fields.service_tier) ??
    toText(fields.serviceTier) ??
    toText(body?.service_tier) ??
    toText(body?.serviceTier) ??
    toText(toFields(body?.serviceTier)?.type) ??
    (traffic === 'TRAFFIC_TYPE_UNSPECIFIED' ? null : (traffic?.toLowerCase() ?? null))
  );
}

/** Gemini's own id of an answer, whose form it does not say. */
const GEMINI_ID = /^[\x21-\x7e]{8,240}$/;

/**
 * The provider's own id of the answer, see {@link readResponseId}. Gemini has a field for it whose
 * values have no mark of their own.
 */
export function findResponseId({ body, fields }: Source): string | null {
  const owner: Fields = body ?? fields;
  const own = readResponseId(owner.id);
  if (own !== null) return own;
  const id = toText(owner.responseId) ?? toText(owner.response_id);
  return id !== null && GEMINI_ID.test(id) ? id : null;
}

/** Where answers say that a region has no price of its own. */
const NO_REGIONS: ReadonlySet<string> = new Set(['global', 'not_available', 'default']);

/** Where the provider was made to process the request, see `DecodedUsage`: Anthropic's `inference_geo`. */
export function readRegion({ fields }: Source): string | null {
  const region = toText(fields.inference_geo)?.trim().toLowerCase() ?? '';
  return region === '' || NO_REGIONS.has(region) ? null : region;
}
