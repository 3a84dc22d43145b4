import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GrainSpan, splitSpan } from '../../src/domain/usage/sums/split-span.ts';
import { DAY_MS, QUARTER_HOUR_MS } from '../../src/platform/time.ts';

// A span is cut into rollups: what the parts come to must be the span, to the millisecond.

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** Often at a boundary, or a millisecond from it, where cuts go wrong. */
const moment = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 40_000 }), fc.constant(LAST_MS / DAY_MS)),
    fc.constantFrom(DAY_MS, QUARTER_HOUR_MS, 1),
    fc.integer({ min: -100, max: 100 }),
    fc.integer({ min: -1, max: 1 }),
  )
  .map(([day, step, steps, off]) => Math.floor(day) * DAY_MS + steps * step + off)
  .filter((timeMs) => timeMs >= 0 && timeMs <= LAST_MS);
const span = fc
  .tuple(moment, moment)
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => ({ startMs: Math.min(a, b), endMs: Math.max(a, b) }));

/** How often a moment is counted. */
function countAt(parts: readonly GrainSpan[], timeMs: number): number {
  return parts.reduce((sum, part) => sum + (part.startMs <= timeMs && timeMs < part.endMs ? part.sign : 0), 0);
}

describe('the parts of a span', () => {
  it('count each moment of the span once, and no other moment', () => {
    fc.assert(
      fc.property(span, ({ startMs, endMs }) => {
        const parts = splitSpan({ startMs, endMs });
        const edges = [startMs, endMs, ...parts.flatMap((part) => [part.startMs, part.endMs])];
        // Between two edges nothing changes.
        for (const edge of edges) {
          for (const timeMs of [edge - 1, edge, edge + 1]) {
            expect(countAt(parts, timeMs)).toBe(startMs <= timeMs && timeMs < endMs ? 1 : 0);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('begin and end where their rollups do', () => {
    const STEPS = { event: 1, quarterHour: QUARTER_HOUR_MS, day: DAY_MS };
    fc.assert(
      fc.property(span, (given) => {
        for (const { grain, startMs, endMs } of splitSpan(given)) {
          expect(startMs).toBeLessThan(endMs);
          expect([startMs % STEPS[grain], endMs % STEPS[grain]]).toEqual([0, 0]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('read few rows: at most two quarter hours of events, and half a day of quarter hours at either end', () => {
    fc.assert(
      fc.property(span, (given) => {
        const parts = splitSpan(given);
        const lengthOf = (grain: GrainSpan['grain']) =>
          parts.filter((part) => part.grain === grain).reduce((sum, part) => sum + part.endMs - part.startMs, 0);
        expect(lengthOf('event')).toBeLessThan(2 * QUARTER_HOUR_MS);
        // The very last day cannot be rounded up.
        if (given.endMs < Date.UTC(9999, 11, 31)) expect(lengthOf('quarterHour')).toBeLessThanOrEqual(DAY_MS);
      }),
      { numRuns: 2_000 },
    );
  });
});

it('a day of UTC is one day, and a day of another zone is that with its edges put right', () => {
  const startMs = Date.UTC(2026, 10, 22);
  expect(splitSpan({ startMs, endMs: startMs + DAY_MS })).toEqual([
    { grain: 'day', startMs, endMs: startMs + DAY_MS, sign: 1 },
  ]);
  // Kathmandu, UTC+05:45.
  const localMs = startMs - 23 * QUARTER_HOUR_MS;
  expect(splitSpan({ startMs: localMs, endMs: localMs + DAY_MS })).toEqual([
    { grain: 'quarterHour', startMs: localMs, endMs: startMs, sign: 1 },
    { grain: 'day', startMs, endMs: startMs + DAY_MS, sign: 1 },
    { grain: 'quarterHour', startMs: localMs + DAY_MS, endMs: startMs + DAY_MS, sign: -1 },
  ]);
});
