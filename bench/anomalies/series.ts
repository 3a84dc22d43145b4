/** Made series of daily or hourly cost, with labelled incidents. Everything follows from the seed. */

export const KINDS = [
  'flat',
  'trend',
  'growth',
  'weekend-closed',
  'bursty',
  'noisy',
  'autoregressive',
  'zero-days',
  'new',
  'tiny',
] as const;
export type Kind = (typeof KINDS)[number];

/** mulberry32: numbers from 0 to 1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A factor around 1 whose logarithm is normal. */
const noise = (random: () => number, spread: number) => Math.exp(spread * normal(random) - (spread * spread) / 2);

const SPREADS: Readonly<Record<Kind, number>> = {
  flat: 0.12,
  trend: 0.15,
  growth: 0.15,
  'weekend-closed': 0.15,
  bursty: 0.2,
  noisy: 0.4,
  autoregressive: 0.15,
  'zero-days': 0.2,
  new: 0.15,
  tiny: 0.3,
};
const GROWTH_PER_DAY = 1.012;
const BURST_SHARE = 0.08;
const ZERO_SHARE = 0.4;
const NEW_AFTER = 0.5;

/** Daily cost: 20 to 2,000 USD a day, a tiny one a few cents. */
export function makeDays(kind: Kind, seed: number, days: number): number[] {
  const random = randomOf(seed);
  const level = kind === 'tiny' ? 0.05 + 0.1 * random() : 20 * 100 ** random();
  const weekend = kind === 'weekend-closed' ? 0 : 0.4 + 0.6 * random();
  let wander = 0;
  return Array.from({ length: days }, (_, day) => {
    wander = 0.8 * wander + 0.18 * normal(random);
    let value = level * noise(random, SPREADS[kind]) * (day % 7 >= 5 ? weekend : 1);
    if (kind === 'trend') value *= 1 + (1.5 * day) / days;
    if (kind === 'growth') value *= GROWTH_PER_DAY ** day;
    if (kind === 'autoregressive') value *= Math.exp(wander);
    if (kind === 'bursty' && random() < BURST_SHARE) value *= 4 + 6 * random();
    if (kind === 'zero-days' && random() < ZERO_SHARE) value = 0;
    return kind === 'new' && day < days * NEW_AFTER ? 0 : value;
  });
}

/** Hourly cost: a day of {@link makeDays} spread over working hours, with noise of its own. */
export function makeHours(kind: Kind, seed: number, days: number): number[] {
  const random = randomOf(seed ^ 0x5bd1e995);
  const night = 0.1 + 0.4 * random();
  const peak = 12 + 6 * random();
  const daily = makeDays(kind === 'bursty' ? 'flat' : kind, seed, days);
  return daily.flatMap((total) =>
    Array.from({ length: 24 }, (_, hour) => {
      const shape = night + Math.exp(-(((hour - peak) / 4) ** 2));
      const isBurst = kind === 'bursty' && random() < BURST_SHARE / 4;
      return (total / 14) * shape * noise(random, 0.35) * (isBurst ? 4 + 6 * random() : 1);
    }),
  );
}
