import type { FieldProblem } from '../../../platform/errors.ts';
import { isObject } from '../../../platform/json/json.ts';
import { COUNT_MESSAGE, isEventCount } from '../../input/event-count.ts';
import { USAGE_UNITS, type UsageUnit, type UsageUnits } from '../../pricing/price/usage-units.ts';

const UNKNOWN_UNIT = 'is not a unit that Meterr knows; the reference at /docs lists them under RecordUsageInput';
const NAMES: ReadonlySet<string> = new Set(USAGE_UNITS.map(({ unit }) => unit));

/**
 * The units that a caller stated, in the order of the list and without zeros; null where there are
 * none. Adds a problem for each name that is not on the list and each quantity that is no count.
 */
export function readUnits(problems: FieldProblem[], raw: unknown): UsageUnits | null {
  if (raw === undefined || raw === null) return null;
  if (!isObject(raw)) {
    problems.push({ path: 'units', message: 'must be an object of whole numbers by unit' });
    return null;
  }
  const names = Object.keys(raw);
  if (names.length > NAMES.size) {
    problems.push({ path: 'units', message: `must have at most ${NAMES.size} entries` });
    return null;
  }
  for (const name of names) {
    if (!NAMES.has(name)) problems.push({ path: `units.${name}`, message: UNKNOWN_UNIT });
    else if (!isEventCount(raw[name])) problems.push({ path: `units.${name}`, message: COUNT_MESSAGE });
  }
  const units: Partial<Record<UsageUnit, number>> = {};
  for (const { unit } of USAGE_UNITS) {
    const quantity = raw[unit];
    if (quantity && isEventCount(quantity)) units[unit] = quantity;
  }
  return Object.keys(units).length === 0 ? null : units;
}
