import { formatScaled, parseScaled } from '../../../platform/money.ts';
import type { PriceSource, UnitPrice } from '../price/price.ts';
import { findDispute, joinSheets, type Named, sheetAt } from './join-sheets.ts';
import type { Correction } from './read-corrections.ts';
import { type CombinedModel, type CombinedSheet, withEnds } from './sheets/combined-model.ts';
import { PRICE_PLACES } from './sheets/price-text.ts';
import type { Sources } from './sources.ts';

type Options = Sources & { atMs: number; isFirst: boolean };

const isToken = ({ unit }: UnitPrice) => unit.endsWith('_tokens');

/** The public sources of a line, and the line itself. */
function sourcesOf({ sources, date }: Correction): PriceSource[] {
  return [{ name: 'corrections', version: date }, ...sources.map((name) => ({ name, version: date }))];
}

/** The price sources that say what the corrected sheets say now. */
function agreeing(
  model: CombinedModel,
  sheets: readonly CombinedSheet[],
  { genai, litellm, atMs }: Options,
): PriceSource[] {
  const current = sheetAt(withEnds(sheets), atMs);
  const stated = [
    { said: model.stated.genai, source: genai },
    { said: model.stated.litellm, source: litellm },
  ];
  return stated.flatMap(({ said, source: { name, version } }) => {
    const units = said?.sheets.flatMap((sheet) => sheet.units.map(({ unit }) => unit)) ?? [];
    const isShared = current?.units.some(({ unit }) => units.includes(unit)) ?? false;
    return said && isShared && !findDispute(sheets, said.sheets, atMs) ? [{ name, version }] : [];
  });
}

/** Two public statements of a price agree; one alone is single. A line of ours is no statement. */
function attribute(sheet: CombinedSheet, line: Correction, stating: readonly PriceSource[]): CombinedSheet {
  const sources = [...sourcesOf(line), ...stating];
  const agreement = sources.length > 2 ? 'agreed' : 'single';
  return { ...sheet, sources, agreement, dispute: null };
}

function isOf(sheet: CombinedSheet, { serviceTier, region }: Correction): boolean {
  return sheet.serviceTier === serviceTier && sheet.region === region;
}

function wholeSheet(model: CombinedModel, line: Correction, units: UnitPrice[], options: Options): CombinedSheet[] {
  const { serviceTier, region, validFrom, dailyWindow } = line;
  const kept = options.isFirst ? model.sheets.filter((sheet) => !isOf(sheet, line)) : model.sheets;
  const sheet: CombinedSheet = {
    serviceTier,
    region,
    validFrom,
    dailyWindow,
    units,
    validTo: null,
    sources: [],
    agreement: 'single',
    dispute: null,
  };
  const isCurrent = validFrom === null || validFrom <= options.atMs;
  return [...kept, attribute(sheet, line, isCurrent ? agreeing(model, [sheet], options) : [])];
}

/** Changes the sheets from a time on: those that end before it stay as they are. */
function changeFrom(
  sheets: readonly CombinedSheet[],
  validFrom: number | null,
  isChanged: (sheet: CombinedSheet) => boolean,
  change: (sheet: CombinedSheet) => CombinedSheet,
): CombinedSheet[] {
  return sheets.flatMap((sheet) => {
    if (!isChanged(sheet) || (validFrom !== null && sheet.validTo !== null && sheet.validTo <= validFrom))
      return [sheet];
    if (validFrom === null || (sheet.validFrom !== null && sheet.validFrom >= validFrom)) return [change(sheet)];
    return [sheet, change({ ...sheet, validFrom })];
  });
}

function changeUnits(model: CombinedModel, line: Correction, units: UnitPrice[], options: Options): CombinedSheet[] {
  const names = new Set(units.map(({ unit }) => unit));
  const set = (sheet: CombinedSheet, changed: UnitPrice[]): CombinedSheet => ({
    ...sheet,
    units: [...sheet.units.filter(({ unit }) => !changed.some((one) => one.unit === unit)), ...changed],
  });
  const standard = model.sheets.filter((sheet) => sheet.serviceTier === null && sheet.region === null);
  const sheets = model.sheets.some((sheet) => isOf(sheet, line))
    ? model.sheets
    : [...model.sheets, ...standard.map((sheet) => ({ ...sheet, serviceTier: line.serviceTier, region: line.region }))];
  const changed = changeFrom(
    sheets,
    line.validFrom,
    (sheet) => isOf(sheet, line),
    (sheet) => set(sheet, units),
  );
  const stating = agreeing(model, changed, options);
  const attributed = changed.map((sheet) =>
    isOf(sheet, line) && sheet.units.some((unit) => units.includes(unit)) ? attribute(sheet, line, stating) : sheet,
  );
  // What is no token costs the same in every tier of service, unless a source says otherwise.
  const others = units.filter((unit) => !isToken(unit));
  return attributed.map((sheet) =>
    line.serviceTier === null &&
    sheet.serviceTier !== null &&
    others.length > 0 &&
    !sheet.units.some(({ unit }) => names.has(unit))
      ? { ...set(sheet, others), sources: [...sheet.sources, ...sourcesOf(line)] }
      : sheet,
  );
}

function multiply(unit: UnitPrice, factor: string): UnitPrice {
  const by = parseScaled(factor, PRICE_PLACES) ?? 0n;
  const one = 10n ** BigInt(PRICE_PLACES);
  const times = (price: string) =>
    formatScaled(((parseScaled(price, PRICE_PLACES) ?? 0n) * by + one / 2n) / one, PRICE_PLACES);
  return {
    ...unit,
    price: times(unit.price),
    tiers: unit.tiers.map(({ above, price }) => ({ above, price: times(price) })),
  };
}

/** The vendor's factor on all tokens: for a region in every tier of service, for a tier on the standard price. */
function multiplied(model: CombinedModel, line: Correction, factor: string): CombinedSheet[] {
  const { serviceTier, region } = line;
  const isBase = (sheet: CombinedSheet) =>
    sheet.region === null && (region === null || serviceTier !== null ? sheet.serviceTier === null : true);
  const made = model.sheets.filter(isBase).map((sheet) => {
    const units = sheet.units.map((unit) => (isToken(unit) ? multiply(unit, factor) : unit));
    const base = { ...sheet, units, region, serviceTier: serviceTier ?? (region === null ? null : sheet.serviceTier) };
    return { ...base, sources: [...sourcesOf(line), ...sheet.sources] };
  });
  // A tier that a source states itself is not derived.
  const missing = made.filter(
    (one) => !model.sheets.some((sheet) => sheet.serviceTier === one.serviceTier && sheet.region === one.region),
  );
  return [...model.sheets, ...missing];
}

/** The vendor's factor on the standard price of some units, in the sheets that a source states of a tier. */
function multipliedUnits(
  model: CombinedModel,
  line: Correction,
  factor: string,
  only: string[],
  { atMs }: Options,
): CombinedSheet[] {
  const standard = sheetAt(withEnds(model.sheets), atMs)?.units.filter(({ unit }) => only.includes(unit)) ?? [];
  const units = standard.map((unit) => multiply(unit, factor));
  return model.sheets.map((sheet) => {
    if (!isOf(sheet, line) || units.length === 0) return sheet;
    const others = sheet.units.filter(({ unit }) => !units.some((one) => one.unit === unit));
    return { ...sheet, units: [...others, ...units], sources: [...sheet.sources, ...sourcesOf(line)] };
  });
}

function confirm(
  model: CombinedModel,
  line: Correction,
  name: Named['source']['name'],
  { genai, litellm, atMs }: Options,
): CombinedSheet[] {
  const ofGenai = model.stated.genai && {
    model: model.stated.genai,
    source: { name: genai.name, version: genai.version },
  };
  const ofLitellm = model.stated.litellm && {
    model: model.stated.litellm,
    source: { name: litellm.name, version: litellm.version },
  };
  const [right, other] = name === 'litellm' ? [ofLitellm, ofGenai] : [ofGenai, ofLitellm];
  if (!right) return model.sheets;
  const public_ = line.sources.map((one) => ({ name: one, version: line.date }));
  const named = { ...right, model: { ...right.model, model: model.model } };
  const sheets = other ? joinSheets(named, other, atMs) : model.sheets;
  const settled = sheets.map((sheet): CombinedSheet => {
    const isStandard = sheet.serviceTier === null;
    return isStandard
      ? { ...sheet, agreement: 'agreed', dispute: null, sources: [...sheet.sources, ...public_] }
      : sheet;
  });
  if (line.validFrom === null) return settled;
  const { validFrom } = line;
  const before = model.sheets
    .filter((sheet) => sheet.serviceTier === null && (sheet.validFrom ?? 0) < validFrom)
    .map((sheet): CombinedSheet => ({ ...sheet, agreement: 'single', dispute: null }));
  const after = settled.filter((sheet) => sheet.validTo === null || sheet.validTo > validFrom);
  return [
    ...before,
    ...after.map((sheet) =>
      sheet.serviceTier === null ? { ...sheet, validFrom: Math.max(sheet.validFrom ?? 0, validFrom) } : sheet,
    ),
  ];
}

function changeSteps(model: CombinedModel, line: Correction, change: (unit: UnitPrice) => UnitPrice): CombinedSheet[] {
  const hasSteps = (sheet: CombinedSheet) =>
    sheet.units.some((unit) => JSON.stringify(change(unit)) !== JSON.stringify(unit));
  return changeFrom(model.sheets, line.validFrom, hasSteps, (sheet) => ({
    ...sheet,
    units: sheet.units.map(change),
    sources: [...sourcesOf(line), ...sheet.sources],
  }));
}

const withoutSteps = (unit: UnitPrice): UnitPrice => ({ ...unit, tiers: [] });
const ROUND = 1000;
const withEdge = (unit: UnitPrice): UnitPrice => ({
  ...unit,
  tiers: unit.tiers.map(({ above, price }) => ({ above: above % ROUND === 0 ? above - 1 : above, price })),
});

/** The sheets of a model after one line. */
export function correctSheets(model: CombinedModel, line: Correction, options: Options): CombinedSheet[] {
  const { change } = line;
  if (change.kind === 'sheet') return wholeSheet(model, line, change.units, options);
  if (change.kind === 'units') return changeUnits(model, line, change.units, options);
  if (change.kind === 'times' && change.only !== null)
    return multipliedUnits(model, line, change.factor, change.only, options);
  if (change.kind === 'times') return multiplied(model, line, change.factor);
  if (change.kind === 'confirms') return confirm(model, line, change.name, options);
  return changeSteps(model, line, change.kind === 'withoutSteps' ? withoutSteps : withEdge);
}
