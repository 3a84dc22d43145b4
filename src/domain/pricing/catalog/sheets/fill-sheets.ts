import type { UnitPrice } from '../../price/price.ts';
import { isSamePrice } from './compare-units.ts';
import type { SourceSheet } from './source-data.ts';

const keyOf = ({ serviceTier, region, dailyWindow }: SourceSheet) => JSON.stringify([serviceTier, region, dailyWindow]);

/** The units of the first sheet, and those which only the other has; steps too, where the base is equal. */
export function fillUnits(units: readonly UnitPrice[], others: readonly UnitPrice[]): UnitPrice[] {
  const filled = units.map((unit) => {
    const other = others.find((one) => one.unit === unit.unit);
    if (!other || unit.tiers.length > 0 || other.tiers.length === 0 || !isSamePrice(unit, other)) return unit;
    return { ...unit, per: other.per, price: other.price, tiers: other.tiers };
  });
  const names = new Set(units.map(({ unit }) => unit));
  return [...filled, ...others.filter(({ unit }) => !names.has(unit))];
}

/** The sheets, with what only others of the same tier and window state. */
export function fillSheets(sheets: readonly SourceSheet[], others: readonly SourceSheet[]): SourceSheet[] {
  const byKey = new Map(others.map((sheet) => [keyOf(sheet), sheet]));
  const filled = sheets.map((sheet) => {
    const other = byKey.get(keyOf(sheet));
    return other ? { ...sheet, units: fillUnits(sheet.units, other.units) } : sheet;
  });
  const keys = new Set(sheets.map(keyOf));
  return [...filled, ...others.filter((sheet) => !keys.has(keyOf(sheet)))];
}
