import { type Source, toFields, toText } from './read-count.ts';

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
