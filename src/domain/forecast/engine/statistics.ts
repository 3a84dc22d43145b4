/** The middle value, or the mean of the two in the middle; 0 of no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Scales a median absolute deviation to the standard deviation of a normal distribution. */
const MAD_TO_SIGMA = 1.4826;

/** The robust spread of values around `center`: a standard deviation that outliers do not move. */
export function spread(values: readonly number[], center: number): number {
  return MAD_TO_SIGMA * median(values.map((value) => Math.abs(value - center)));
}

/** The last `count` values. */
export function tail<T>(values: readonly T[], count: number): T[] {
  return values.slice(Math.max(0, values.length - count));
}

/** Of values at equal steps, the median slope of all pairs (Theil-Sen). */
export function medianSlope(values: readonly number[]): number {
  const slopes: number[] = [];
  values.forEach((from, i) => {
    for (let j = i + 1; j < values.length; j++) slopes.push(((values[j] ?? 0) - from) / (j - i));
  });
  return median(slopes);
}
