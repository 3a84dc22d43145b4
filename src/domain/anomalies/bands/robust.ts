/** Robust statistics of plain numbers. They estimate what is normal; no amount is derived from them. */

function sorted(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort();
}

/** The median; 0 of nothing. */
export function median(values: readonly number[]): number {
  const all = sorted(values);
  const middle = all.length >> 1;
  const upper = all[middle] ?? 0;
  return all.length % 2 === 1 ? upper : ((all[middle - 1] ?? 0) + upper) / 2;
}

/** Below this part of times with any use, there usually is none. */
const USED_SHARE = 0.2;

/** The median of the times with any use, or 0 where such times are few: what it costs where it is used. */
export function medianOfUsed(values: readonly number[]): number {
  const used = values.filter((value) => value > 0);
  return used.length < values.length * USED_SHARE ? 0 : median(used);
}

/** The standard deviation of a normal distribution divided by its median absolute deviation. */
const MAD_SCALE = 1.4826;

/** A standard deviation that outliers do not move: the scaled median absolute deviation. */
export function robustSpread(values: readonly number[]): number {
  const middle = median(values);
  return MAD_SCALE * median(values.map((value) => Math.abs(value - middle)));
}

/** The `rank`-th largest, from 1; 0 where there are fewer. */
export function nthLargest(values: readonly number[], rank: number): number {
  const all = sorted(values);
  return all[all.length - rank] ?? 0;
}

/** The mean without the `dropped` largest; 0 of nothing. */
export function meanWithoutLargest(values: readonly number[], dropped: number): number {
  const kept = sorted(values).subarray(0, Math.max(0, values.length - dropped));
  return kept.length === 0 ? 0 : kept.reduce((sum, value) => sum + value, 0) / kept.length;
}
