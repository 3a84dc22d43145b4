import { isInForce } from '../book/match-price.ts';
import { type CombinedSheet, withEnds } from './sheets/combined-model.ts';
import { type Difference, describeAmount, findDifference, isSamePrice } from './sheets/compare-units.ts';
import { fillUnits } from './sheets/fill-sheets.ts';
import type { SourceModel, SourceName, SourceSheet } from './sheets/source-data.ts';

const HOUR_MS = 3_600_000;
const WEEK_HOURS = 168;

/** What is charged by where a source names no other price for it. */
const BASES: ReadonlySet<string> = new Set(['input_tokens', 'output_tokens']);

type Ended = SourceSheet & { validTo: number | null };

/** The sheet of the standard tier that holds at a moment. */
export function sheetAt<T extends Ended>(sheets: readonly T[], timeMs: number): T | undefined {
  return sheets.findLast((one) => one.serviceTier === null && one.region === null && isInForce(one, timeMs));
}

/**
 * Where two sources contradict each other, at a moment or, where the price has hours of the day, in any
 * hour of the week that begins then. Null where they agree.
 */
export function findDispute(
  first: readonly SourceSheet[],
  second: readonly SourceSheet[],
  atMs: number,
): Difference | null {
  const [ones, others] = [withEnds(first), withEnds(second)];
  const hasWindows = [...ones, ...others].some(({ dailyWindow }) => dailyWindow !== null);
  for (let hour = 0; hour < (hasWindows ? WEEK_HOURS : 1); hour++) {
    const timeMs = atMs + hour * HOUR_MS;
    const [one, other] = [sheetAt(ones, timeMs), sheetAt(others, timeMs)];
    const difference = one && other ? findDifference(one.units, other.units) : null;
    if (difference) return difference;
  }
  return null;
}

export interface Named {
  model: SourceModel;
  source: { name: SourceName; version: string };
}

/** What the sources say, without whose price it is. */
export function describeDispute(
  first: Named,
  second: Named,
  { unit, above, first: one, second: other }: Difference,
): string {
  const step = above === null ? '' : ` above ${above} input tokens`;
  return (
    `${first.source.name} ${first.source.version} states ` +
    `${describeAmount(one)} for ${unit}${step}, ${second.source.name} ${second.source.version} states ${describeAmount(other)}`
  );
}

/** A sheet as one source states it. */
export function singleSheets({ model, source }: Named): CombinedSheet[] {
  return withEnds(model.sheets).map((sheet) => ({
    ...sheet,
    sources: [source],
    agreement: 'single',
    dispute: null,
  }));
}

/** What the second source knows of a sheet that the first does not: only where both mean the same price. */
function addUnits(sheet: SourceSheet, other: SourceSheet): SourceSheet {
  const input = sheet.units.find(({ unit }) => unit === 'input_tokens');
  const otherInput = other.units.find(({ unit }) => unit === 'input_tokens');
  const isSame = !input || !otherInput || isSamePrice(input, otherInput);
  // At another price of its time nobody stated the token prices that are known today.
  const added = isSame ? other.units : other.units.filter(({ unit }) => !unit.endsWith('_tokens'));
  return { ...sheet, units: fillUnits(sheet.units, added) };
}

/**
 * The sheets of a model that both sources price: the first one's, with the units, steps and tiers of
 * service that only the second knows.
 */
export function joinSheets(first: Named, second: Named, atMs: number): CombinedSheet[] {
  const difference = findDispute(first.model.sheets, second.model.sheets, atMs);
  const standard = sheetAt(withEnds(second.model.sheets), atMs);
  const hasWindows = second.model.sheets.some(({ dailyWindow }) => dailyWindow !== null);
  const canFill = standard !== undefined && !hasWindows && (difference === null || !BASES.has(difference.unit));
  const filled = first.model.sheets.map((sheet) => (canFill ? addUnits(sheet, standard) : sheet));
  const sheets = singleSheets({ ...first, model: { ...first.model, sheets: filled } });
  const dispute = difference && describeDispute(first, second, difference);
  const current = sheetAt(sheets, atMs);
  const joined = sheets.map((sheet, index): CombinedSheet => {
    const isFilled = isChanged(filled[index], first.model.sheets[index]);
    const sources = isFilled || (sheet === current && !dispute) ? [first.source, second.source] : [first.source];
    const isChecked = sheet === current || sheet.dailyWindow !== null;
    if (!isChecked) return { ...sheet, sources };
    return { ...sheet, sources, agreement: dispute ? 'disputed' : 'agreed', dispute };
  });
  const tiers = singleSheets(second)
    .filter(({ serviceTier }) => serviceTier !== null)
    .map((sheet) => {
      if (!current || !canFill) return sheet;
      const units = fillUnits(sheet.units, current.units);
      return units.length === sheet.units.length ? sheet : { ...sheet, units, sources: [second.source, first.source] };
    });
  return [...joined, ...tiers];
}

function isChanged(sheet: SourceSheet | undefined, before: SourceSheet | undefined): boolean {
  return JSON.stringify(sheet?.units) !== JSON.stringify(before?.units);
}
