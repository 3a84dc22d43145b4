import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutSpan, spanAt } from '../../src/platform/calendar.ts';
import { type Unit, unitName } from '../harness/local-time.ts';

const HOUR_MS = 3_600_000;
/**
 * A moment of a clock change in each: by an hour and by half of one, forth and back, and a whole
 * day.
 */
const CHANGES: [zone: string, change: string][] = [
  ['UTC', '2026-03-01T00:00:00Z'],
  ['Asia/Kolkata', '2026-03-31T18:30:00Z'],
  ['Asia/Kathmandu', '1985-12-31T18:30:00Z'],
  ['America/St_Johns', '2026-03-08T05:30:00Z'],
  ['America/St_Johns', '2026-11-01T04:30:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  ['Pacific/Apia', '2011-04-02T14:00:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00:00Z'],
  ['Africa/Cairo', '2026-04-23T22:00:00Z'],
];
/**
 * At 00:01 the clock went back to 23:01: of the next day there had been a minute. No such change is
 * left today.
 */
const DAY_SEEN_TWICE = ['America/St_Johns', '2010-11-07T02:31:00Z'] as const;
const UNITS = ['hour', 'day', 'week', 'month'] as const satisfies Unit[];

const near = fc.oneof(
  fc.integer({ min: -2, max: 2 }),
  fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }),
  fc.integer({ min: -8, max: 8 }).map((quarters) => quarters * 15 * 60_000),
);

describe.each(CHANGES)('in %s around %s', (zone, change) => {
  it.each(UNITS)('a span is cut by the %s without gap or overlap, where the name of the unit changes', (unit) => {
    fc.assert(
      fc.property(
        near,
        fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 50 * HOUR_MS })),
        (offset, length) => {
          const startMs = Date.parse(change) + offset;
          const endMs = startMs + length;
          const pieces = cutSpan({ startMs, endMs }, unit, zone, 1_000);
          expect(pieces[0]?.startMs).toBe(startMs);
          expect(pieces.at(-1)?.endMs).toBe(endMs);
          pieces.forEach((piece, i) => {
            expect(piece.startMs).toBeLessThan(piece.endMs);
            const next = pieces[i + 1];
            if (next) expect(next.startMs).toBe(piece.endMs);
            const name = unitName(piece.startMs, unit, zone);
            expect(unitName(piece.endMs - 1, unit, zone)).toBe(name);
            if (piece.endMs < endMs) expect(unitName(piece.endMs, unit, zone)).not.toBe(name);
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('the unit that holds a moment does hold it', () => {
    fc.assert(
      fc.property(near, fc.constantFrom('day', 'week', 'month', 'quarter', 'year'), (offset, unit) => {
        const timeMs = Date.parse(change) + offset;
        const { startMs, endMs } = spanAt(timeMs, unit, zone);
        expect(startMs).toBeLessThanOrEqual(timeMs);
        expect(endMs).toBeGreaterThan(timeMs);
      }),
      { numRuns: 200 },
    );
  });
});

it.each(UNITS)('where a day was seen twice, spans are still cut by the %s without gap or overlap', (unit) => {
  const [zone, change] = DAY_SEEN_TWICE;
  fc.assert(
    fc.property(near, fc.integer({ min: 1, max: 50 * HOUR_MS }), (offset, length) => {
      const startMs = Date.parse(change) + offset;
      const endMs = startMs + length;
      let reached = startMs;
      for (const piece of cutSpan({ startMs, endMs }, unit, zone, 1_000)) {
        expect(piece.startMs).toBe(reached);
        expect(piece.endMs).toBeGreaterThan(reached);
        reached = piece.endMs;
      }
      expect(reached).toBe(endMs);
    }),
  );
});

describe('a span that would give too many units', () => {
  const all = { startMs: Date.parse('1000-01-01T00:00:00Z'), endMs: Date.parse('9999-01-01T00:00:00Z') };

  it.each(UNITS.filter((unit) => unit !== 'month'))('is refused by the %s without cutting it', (unit) => {
    const start = performance.now();
    expect(() => cutSpan(all, unit, 'Europe/Berlin', 10_000)).toThrow(RangeError);
    expect(performance.now() - start).toBeLessThan(20);
  });

  it('is one with more than the limit, not with as many', () => {
    const days = (count: number) => ({ startMs: 0, endMs: count * 24 * HOUR_MS });
    expect(cutSpan(days(365), 'day', 'UTC', 365)).toHaveLength(365);
    expect(() => cutSpan(days(366), 'day', 'UTC', 365)).toThrow(RangeError);
  });

  it('and the most that may be are cut in a few milliseconds', () => {
    const hours = {
      startMs: Date.parse('2026-01-01T00:00:00Z'),
      endMs: Date.parse('2026-01-01T00:00:00Z') + 9_000 * HOUR_MS,
    };
    for (const zone of ['Europe/Berlin', 'Australia/Lord_Howe']) cutSpan(hours, 'hour', zone, 10_000);
    const start = performance.now();
    expect(cutSpan(hours, 'hour', 'Europe/Berlin', 10_000).length).toBe(9_000);
    expect(performance.now() - start).toBeLessThan(100);
  });
});
