import type { DecodedCounts } from '../source/decoded-counts.ts';
import { addCounts, addProblem, readCount, readRounded, type Source } from '../source/read-count.ts';

/**
 * Cohere v2 `usage`, and `meta` of embed: what is priced are `billed_units`; `tokens` also counts
 * Cohere's own prompt. Whether billed input holds `cached_tokens` is unconfirmed, so they are only
 * kept where they fit, with a warning.
 */
export function decodeCohere(source: Source): DecodedCounts {
  const text = readCount(source, 'billed_units.input_tokens');
  const images = readCount(source, 'billed_units.image_tokens');
  let input = addCounts(text, images);
  let output = readCount(source, 'billed_units.output_tokens');
  const units = {
    input_image_tokens: images,
    input_images: readCount(source, 'billed_units.images'),
    searches: readRounded(source, 'billed_units.search_units'),
  };
  const isOther = units.input_images.given || units.searches.given;
  if (!input.given && !output.given && !isOther) {
    input = readCount(source, 'tokens.input_tokens');
    output = readCount(source, 'tokens.output_tokens');
    if (input.given) source.warnings.push(`${source.path}.billed_units has no tokens: usage.tokens were read instead`);
  }
  if (!input.given && !output.given && !isOther) {
    addProblem(source, source.path, 'has no counts of tokens, images or searches (classifications have no price)');
  }
  const cached = readCount(source, 'cached_tokens', 'tokens.cached_tokens');
  const billed: DecodedCounts = { inputTokens: input, outputTokens: output, units };
  if (cached.value === 0) return billed;
  const fits = cached.value <= input.value;
  source.warnings.push(
    `${cached.path} (${cached.value}) ${fits ? 'was read as part of' : 'is above, so was left out of'} the billed input`,
  );
  return fits ? { ...billed, cacheReadTokens: cached } : billed;
}
