export const SERIES_KINDS = [
  'flat',
  'trend',
  'growth 1.2 %/day',
  'closed weekends',
  'bursts',
  'level shift',
  'ramp then stop',
  'noise 0.4',
  'AR(0.8)',
  '40 % zero days',
] as const;
export type SeriesKind = (typeof SERIES_KINDS)[number];

/** A random number generator with a seed (mulberry32): from 0 to 1. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A daily series of a kind: its days are costs, never below 0. The same seed gives the same series. */
export function generateSeries(kind: SeriesKind, seed: number, days: number): number[] {
  const random = createRandom(seed * 7919 + SERIES_KINDS.indexOf(kind) * 104_729 + 1);
  for (let i = 0; i < 10; i++) random();
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const between = (low: number, high: number) => low + (high - low) * random();
  const base = 10 ** between(-1, 4);
  const season = Array.from({ length: 7 }, () => between(0.7, 1.3));
  const phase = Math.floor(random() * 7);
  const noise = kind === 'noise 0.4' ? 0.4 : between(0.08, 0.2);
  const slope = between(-0.003, 0.008);
  const shiftDay = Math.floor(between(0.55, 0.9) * days);
  const shift = random() < 0.5 ? 2.2 : 0.45;
  const rampFrom = Math.floor(between(0.3, 0.5) * days);
  const rampTo = rampFrom + Math.floor(between(0.15, 0.3) * days);
  const rampSlope = between(0.02, 0.04);
  let regression = 0;
  return Array.from({ length: days }, (_, day) => {
    const weekday = (day + phase) % 7;
    regression = 0.8 * regression + 0.2 * normal();
    let level = base * (season[weekday] ?? 1);
    if (kind === 'trend') level *= Math.max(0.05, 1 + slope * day);
    if (kind === 'growth 1.2 %/day') level *= 1.012 ** day;
    if (kind === 'closed weekends' && weekday >= 5) return 0;
    if (kind === 'bursts' && random() < 0.06) level *= between(4, 10);
    if (kind === 'level shift' && day >= shiftDay) level *= shift;
    if (kind === 'ramp then stop') level *= 1 + rampSlope * Math.max(0, Math.min(day, rampTo) - rampFrom);
    if (kind === 'AR(0.8)') level *= Math.exp(regression);
    if (kind === '40 % zero days' && random() < 0.4) return 0;
    return level * Math.exp(noise * normal() - (noise * noise) / 2);
  });
}
