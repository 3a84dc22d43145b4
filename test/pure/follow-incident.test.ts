import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Followed,
  followIncident,
  type Incident,
  type JudgedInterval,
} from '../../src/domain/anomalies/watch/follow-incident.ts';

/** `x` is over the band, `.` inside it; of a unit each. */
const intervalsOf = (text: string): JudgedInterval[] =>
  [...text].map((one, startMs) => ({ startMs, isOver: one === 'x', isComplete: true }));

/** What is told, looking at all intervals so far after each of them; `muted` has `m` where a mute is in force. */
function follow(text: string, muted = ''): { told: number[]; latest: Incident | null } {
  const intervals = intervalsOf(text);
  const told: number[] = [];
  let latest: Incident | null = null;
  for (let count = 1; count <= intervals.length; count++) {
    const seen = intervals.slice(Math.max(0, count - 6), count);
    const followed: Followed<JudgedInterval> = followIncident(latest, seen, 1, muted[count - 1] === 'm');
    latest = followed.changed.at(-1) ?? latest;
    told.push(...followed.told.map(({ startMs }) => startMs));
  }
  return { told, latest };
}

describe('an incident', () => {
  it.each([
    ['....', []],
    ['..x.', [2]],
    ['.xx.x', [1]],
    ['.x.x.x', [1]],
    ['.x..x', [1, 4]],
    ['xxxxx..xxx', [0, 7]],
  ])('%s is told at %j', (text, told) => {
    expect(follow(text).told).toEqual(told);
  });

  it('that is muted is told with the first interval over the band after the mute, where it goes on', () => {
    expect(follow('.xx...', 'mmm...').told).toEqual([]);
    expect(follow('.xx.x.', 'mmm...').told).toEqual([4]);
    expect(follow('.xx.xx', 'mmm...').told).toEqual([4]);
    expect(follow('.xx..x', 'mmm...').told).toEqual([5]);
  });

  it('ends after two intervals that have ended, those included that nobody looked at', () => {
    expect(follow('.x.').latest).toMatchObject({ startedMs: 1, endedMs: null });
    expect(follow('.x..').latest).toEqual({ startedMs: 1, lastOverMs: 1, endedMs: 4, isTold: true });
    const open: Incident = { startedMs: 0, lastOverMs: 0, endedMs: null, isTold: true };
    const later = intervalsOf('........x').slice(6);
    expect(followIncident(open, later, 1, false).told).toMatchObject([{ startMs: 8 }]);
    const running = { startMs: 2, isOver: false, isComplete: false };
    expect(followIncident(open, [running], 1, false).changed).toEqual([]);
  });

  it('is told once for each run that is parted by two calm intervals, however often they are looked at', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('x', '.', '.'), { maxLength: 40 }), (marks) => {
        const text = marks.join('');
        // Written independently: the place of each x with no x in the two places before it.
        const expected = [...text].flatMap((mark, at) => {
          const before = text.slice(Math.max(0, at - 2), at);
          return mark === 'x' && !before.includes('x') ? [at] : [];
        });
        expect(follow(text).told).toEqual(expected);
        const once = followIncident(null, intervalsOf(text), 1, false);
        expect(once.told.map(({ startMs }) => startMs)).toEqual(expected);
        const again = followIncident(once.changed.at(-1) ?? null, intervalsOf(text), 1, false);
        expect(again).toEqual({ changed: [], told: [] });
      }),
    );
  });
});
