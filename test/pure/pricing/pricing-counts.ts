import fc from 'fast-check';
import { countsOf, type UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';

/** Counts with zeros for what is not given. */
export function counts(given: Partial<UsageCounts>): UsageCounts {
  return { ...countsOf({}), ...given };
}

/** Where prices of the data change, one below and one above included. */
const cliffs = [32_000, 128_000, 200_000, 256_000, 271_999, 272_000, 512_000].flatMap((at) => [at - 1, at, at + 1]);
const total = fc.oneof(fc.nat(2000), fc.nat(3_000_000), fc.constantFrom(...cliffs));
/** A share that is often nothing or all. */
const share = fc.oneof(fc.constantFrom(0, 0, 1), fc.double({ min: 0, max: 1, noNaN: true }));
const shares = fc.record({ read: share, write: share, hour: share, audio: share, reasoning: share, spoken: share });

/**
 * Any counts that agree with each other: every part within its total, caches within the input
 * together.
 */
export const anyCounts: fc.Arbitrary<UsageCounts> = fc
  .tuple(total, total, shares, fc.nat(20))
  .map(([inputTokens, outputTokens, part, webSearches]) => {
    const of = (whole: number, ratio: number) => Math.floor(whole * ratio);
    const cacheReadTokens = of(inputTokens, part.read);
    const cacheWriteTokens = of(inputTokens - cacheReadTokens, part.write);
    return countsOf({
      inputTokens,
      outputTokens,
      cacheReadTokens,
      cacheWriteTokens,
      cacheWrite1hTokens: of(cacheWriteTokens, part.hour),
      inputAudioTokens: of(inputTokens, part.audio),
      reasoningTokens: of(outputTokens, part.reasoning),
      outputAudioTokens: of(outputTokens, part.spoken),
      webSearches,
    });
  });
