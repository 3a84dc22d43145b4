import { hash } from 'node:crypto';
import { stableJson } from '../../../platform/json.ts';
import { USAGE_COUNTS } from '../../pricing/price/usage-counts.ts';
import type { UsageInput } from '../event/usage-input.ts';

const HASH_BYTES = 16;

/**
 * SHA-256, cut to 16 bytes, each as one character of Latin-1: a string costs half of what a Buffer
 * does, and can be compared.
 */
export function hashText(text: string): string {
  return hash('sha256', text, 'binary').slice(0, HASH_BYTES);
}

/** With its length before it, so that two different lists of parts never make the same string. */
function part(text: string | null | undefined): string {
  return text ? `${text.length}:${text}` : '0:';
}

/**
 * Tells whether a repeated event id comes with the same body. Hashes what the caller gave, in a
 * fixed order, with defaults that the server fills in (a missing timestamp above all) left out: a
 * retry sends the same again. The team is the one that is charged, so a key that is bound to
 * another team cannot repeat the event.
 * @returns as {@link hashText}
 */
export function hashUsage(
  input: UsageInput,
  provider: string,
  cost: string | null,
  teamId: string | null,
  tagsText: string | null,
): string {
  let text = part(provider) + part(input.model) + part(input.serviceTier) + part(teamId) + part(input.userId);
  text += part(cost) + part(input.holdId) + (input.requireCredits ? '1;' : '0;');
  text += input.timestamp ? `${input.timestamp.getTime()};` : ';';
  // Zeros are left out, so that a count which is added later changes no hash of an older event.
  for (const { field, column } of USAGE_COUNTS) if (input[field]) text += `${column}${input[field]},`;
  if (input.usage) text += `u${stableJson(input.usage)}`;
  if (tagsText !== null) text += `t${tagsText}`;
  if (input.metadata) text += `m${stableJson(input.metadata)}`;
  return hashText(text);
}
