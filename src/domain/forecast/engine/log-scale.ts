import { median } from './statistics.ts';

/** A scale on which a day twice as dear is one step away, whatever the currency; 0 stays 0. */
export interface LogScale {
  toLog(value: number): number;
  fromLog(value: number): number;
}

/** The unit is a small part of a usual day, so that zero days are far from usual ones, but not endlessly far. */
const UNIT_PART = 20;

/** The scale of a series: `log(1 + y / unit)`; the unit is a twentieth of the median of its days that are not 0. */
export function createLogScale(days: readonly number[]): LogScale {
  const unit = median(days.filter((day) => day > 0)) / UNIT_PART || 1;
  return {
    toLog: (value) => Math.log1p(value / unit),
    fromLog: (value) => unit * Math.expm1(value),
  };
}
