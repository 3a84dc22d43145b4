/**
 * What providers call the tier that list prices are for; `auto` is a wish of the caller, served as
 * standard if nothing else is said.
 */
const STANDARD_TIERS: ReadonlySet<string> = new Set([
  '',
  'standard',
  'standard_only',
  'default',
  'auto',
  'on_demand',
  'unspecified',
  'service_tier_unspecified',
]);

/**
 * The tier's name for comparing, lower case with underscores (`on-demand` is `on_demand`); null =
 * the standard tier.
 */
export function normalizeServiceTier(tier: string | null | undefined): string | null {
  if (tier === null || tier === undefined || STANDARD_TIERS.has(tier)) return null;
  const name = tier.trim().toLowerCase().replaceAll('-', '_');
  return STANDARD_TIERS.has(name) ? null : name;
}

const STANDARD_TIER = 'standard';

/** The tier as it is kept, grouped and filtered by: every word for the usual one is `standard`. */
export function keptTier(tier: string | null | undefined): string {
  return normalizeServiceTier(tier) ?? STANDARD_TIER;
}

/**
 * Whether list prices hold for the tier. Batch, flex, priority, scale and all other names are not
 * standard.
 */
export function isStandardTier(tier: string | null | undefined): boolean {
  return normalizeServiceTier(tier) === null;
}
