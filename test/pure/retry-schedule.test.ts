import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nextTryMs, readRetryAfterMs } from '../../src/domain/webhooks/sending/retry-schedule.ts';

const NOW = Date.parse('2026-11-22T10:00:00Z');
const DAY_MS = 86_400_000;

it.each([
  ['120', 120_000],
  [' 120 ', 120_000],
  ['0', 0],
  ['Sun, 22 Nov 2026 10:01:00 GMT', 60_000],
  ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
  ['Mon, 22 Nov 2027 10:00:00 GMT', DAY_MS],
  ['99999999999999999999', DAY_MS],
  ['-5', 0],
  ['soon', 0],
  ['', 0],
  [null, 0],
])('Retry-After %j is %d ms', (header, ms) => {
  expect(readRetryAfterMs(header, NOW)).toBe(ms);
});

it('a wait is never shorter than scheduled, at most a tenth longer, and after the last try there is none', () => {
  const schedule = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(schedule, fc.nat(25), (seconds, tries) => {
      const next = nextTryMs(seconds, tries + 1, null, NOW);
      const wait = seconds[tries];
      if (wait === undefined) return next === null;
      return next !== null && next >= NOW + wait * 1_000 && next <= NOW + wait * 1_100 + 1;
    }),
  );
});
