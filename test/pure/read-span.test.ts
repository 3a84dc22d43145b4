import { describe, expect, it } from 'vitest';
import { readSpan, readZone } from '../../src/domain/input/read-span.ts';

const NOW_MS = Date.parse('2026-11-22T10:30:00Z');
const REFUSED = expect.objectContaining({ code: 'invalid_request' });
const at = (text: string) => new Date(text);
const read = (input: Parameters<typeof readSpan>[0], unit: Parameters<typeof readSpan>[2] = 'month') => {
  const { startMs, endMs, zone } = readSpan(input, NOW_MS, unit);
  return [new Date(startMs).toISOString(), new Date(endMs).toISOString(), zone];
};

describe('a span', () => {
  it('is the unit that holds now where nothing is asked for, as the zone has it', () => {
    expect(read({})).toEqual(['2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z', 'UTC']);
    expect(read({ timezone: 'Asia/Kolkata' }, 'day')).toEqual([
      '2026-11-21T18:30:00.000Z',
      '2026-11-22T18:30:00.000Z',
      'Asia/Kolkata',
    ]);
  });

  it('with a start alone ends with the unit that holds now', () => {
    expect(read({ start: at('2026-09-15T12:00:00Z') })).toEqual([
      '2026-09-15T12:00:00.000Z',
      '2026-12-01T00:00:00.000Z',
      'UTC',
    ]);
  });

  it('with an end alone starts with the unit that the end is in; an end at a turn belongs to the unit before', () => {
    expect(read({ end: at('2026-09-15T12:00:00Z') })[0]).toBe('2026-09-01T00:00:00.000Z');
    expect(read({ end: at('2026-09-01T00:00:00Z') })[0]).toBe('2026-08-01T00:00:00.000Z');
  });

  it('with both is just that, to the millisecond', () => {
    const [start, end] = [at('2026-01-01T00:00:00.001Z'), at('2026-01-01T00:00:00.002Z')];
    expect(read({ start, end, timezone: null })).toEqual([start.toISOString(), end.toISOString(), 'UTC']);
  });

  it.each([
    ['ends where it starts', at('2026-01-01T00:00:00Z'), at('2026-01-01T00:00:00Z')],
    ['ends before it starts', at('2026-01-02T00:00:00Z'), at('2026-01-01T00:00:00Z')],
    ['starts after its default end', at('2027-01-01T00:00:00Z'), null],
  ])('that %s is refused', (_, start, end) => {
    expect(() => read({ start, end })).toThrow(REFUSED);
  });
});

it('a zone that IANA does not know is refused', () => {
  expect(readZone(undefined)).toBe('UTC');
  expect(readZone('America/New_York')).toBe('America/New_York');
  for (const zone of ['', 'Mars/Olympus', 'UTC; DROP TABLE', '__proto__'])
    expect(() => readZone(zone)).toThrow(REFUSED);
});
