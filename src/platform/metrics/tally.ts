/**
 * How often values fell between bounds: plain numbers, so that observing costs a few nanoseconds.
 * `bounds` are upper bounds, inclusive, ascending.
 */
export class Tally {
  readonly bounds: readonly number[];
  /** One for each bound, and one for what is above the last. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    counts[at] = (counts[at] as number) + 1;
    this.sum += value;
  }
}
