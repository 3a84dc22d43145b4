import { describe, expect, it } from 'vitest';
import { endMsOf, parseTime } from '../../src/platform/time.ts';

const startOf = (text: string) => parseTime(text)?.toISOString();
const endOf = (text: string) => {
  const time = parseTime(text);
  return time && new Date(endMsOf(time)).toISOString();
};

describe.each(['first read', 'read again'])('a time, %s,', () => {
  it('is cut to the millisecond, and rounded up where it is an end', () => {
    expect(startOf('2026-11-27T23:59:59.999999999Z')).toBe('2026-11-27T23:59:59.999Z');
    expect(endOf('2026-11-27T23:59:59.999999999Z')).toBe('2026-11-28T00:00:00.000Z');
    expect(endOf('2026-11-27T23:59:59.000001+02:00')).toBe('2026-11-27T21:59:59.001Z');
    expect(startOf('1969-12-31T23:59:59.9985Z')).toBe('1969-12-31T23:59:59.998Z');
    expect(endOf('1969-12-31T23:59:59.9985Z')).toBe('1969-12-31T23:59:59.999Z');
  });

  it('of whole milliseconds is itself as an end, however many zeros it is written with', () => {
    for (const text of ['2026-11-28T00:00:00Z', '2026-11-28T00:00:00.000000Z', '2026-11-28T00:00:00.0Z']) {
      expect(endOf(text)).toBe('2026-11-28T00:00:00.000Z');
    }
    expect(endOf('2026-11-28T00:00:00.120000000Z')).toBe('2026-11-28T00:00:00.120Z');
  });

  it('never leaves the years that RFC 3339 has', () => {
    expect(endOf('9999-12-31T23:59:59.9999Z')).toBe('9999-12-31T23:59:59.999Z');
  });
});
