import { contentUuid } from '../../../platform/ids.ts';
import { stableJson } from '../../../platform/json/json.ts';
import type { Price } from '../price/price.ts';

/** The time part of the ids of prices that have no start. */
const UNDATED_MS = Date.UTC(2020, 0, 1);

/** One stretch of time in which a sheet is in force. */
interface Piece {
  key: string;
  sheet: Price;
  from: number;
  to: number;
}

const startOf = ({ validFrom }: Price) => validFrom ?? Number.NEGATIVE_INFINITY;
const endOf = ({ validTo }: Price) => validTo ?? Number.POSITIVE_INFINITY;

/** What a sheet charges, and in which part of the day: equal ones are the same price. */
export function contentOf({ units, dailyWindow }: Pick<Price, 'units' | 'dailyWindow'>): string {
  const sorted = units.toSorted((a, b) => (a.unit < b.unit ? -1 : 1));
  return stableJson([dailyWindow, sorted]);
}

function covering(sheets: readonly Price[], timeMs: number): Price[] {
  return sheets.filter((sheet) => startOf(sheet) <= timeMs && timeMs < endOf(sheet));
}

/** When something begins or ends, from the beginning of time on. */
function cutTimes(sheets: readonly Price[], dayMs: number): number[] {
  const times = sheets.flatMap((sheet) => [startOf(sheet), endOf(sheet)]).filter(Number.isFinite);
  const cuts = [...new Set([Number.NEGATIVE_INFINITY, dayMs, ...times])];
  return cuts.sort((a, b) => (a < b ? -1 : 1));
}

/** The start that the source itself gives to what holds then; null where it gives none. */
function ownStart(sheets: readonly Price[]): number | null {
  const starts = sheets.flatMap(({ validFrom }) => validFrom ?? []);
  return starts.length > 0 ? Math.max(...starts) : null;
}

/**
 * From the day on, what the sources say now. Before it what was known then, except where nothing was,
 * and where a source dates a price by itself.
 */
function choose(known: Price[], said: Price[], knownStarts: ReadonlySet<number>, isPast: boolean): Price[] {
  if (!isPast || known.length === 0) return said;
  const start = ownStart(said);
  return start !== null && !knownStarts.has(start) ? said : known;
}

function cutPieces(known: readonly Price[], said: readonly Price[], dayMs: number): Piece[] {
  const cuts = cutTimes([...known, ...said], dayMs);
  const knownStarts = new Set(known.flatMap(({ validFrom }) => validFrom ?? []));
  const pieces: Piece[] = [];
  cuts.forEach((from, index) => {
    const to = cuts[index + 1] ?? Number.POSITIVE_INFINITY;
    for (const sheet of choose(covering(known, from), covering(said, from), knownStarts, from < dayMs)) {
      const key = contentOf(sheet);
      const before = pieces.find((piece) => piece.key === key && piece.to === from);
      if (before) Object.assign(before, { to, sheet });
      else pieces.push({ key, sheet, from, to });
    }
  });
  return pieces;
}

/** A daily window stands above what holds all day, and a later start above an earlier one. */
function inOrder(pieces: Piece[]): Piece[] {
  const rank = ({ sheet }: Piece) => (sheet.dailyWindow === null ? 0 : 1);
  return pieces.toSorted((a, b) => rank(a) - rank(b) || (a.from === b.from ? 0 : a.from < b.from ? -1 : 1));
}

/** An equal sheet keeps its id; another gets one that is made of what it says. */
export function identify(price: Price, known: readonly Price[]): Price {
  const shapeOf = ({ provider, model, validFrom, validTo, match, ...one }: Price) =>
    stableJson([provider, model, validFrom, validTo, match, contentOf(one)]);
  const shape = shapeOf(price);
  const same = known.find((one) => shapeOf(one) === shape);
  if (same) return { ...price, id: same.id };
  const { provider, model, serviceTier, region, validFrom } = price;
  return {
    ...price,
    id: contentUuid(validFrom ?? UNDATED_MS, stableJson([provider, model, serviceTier, region, shape])),
  };
}

/**
 * The sheets of one model, tier and region, from those that were known and those that the sources
 * state now. A change holds from `dayMs` on, unless its source dates it; where nothing was known the
 * new sheets hold.
 * @param said not empty; all of one model, so that they have one rule of names
 */
export function mergeSheets(known: readonly Price[], said: readonly Price[], dayMs: number): Price[] {
  const match = said[0]?.match;
  return inOrder(cutPieces(known, said, dayMs)).map(({ sheet, from, to }) => {
    const validFrom = Number.isFinite(from) ? from : null;
    const validTo = Number.isFinite(to) ? to : null;
    return identify({ ...sheet, match: match ?? sheet.match, validFrom, validTo }, [...known, ...said]);
  });
}

/** The sheets of what no source states any more: their time ends with the day, the past stays. */
export function endSheets(known: readonly Price[], dayMs: number): Price[] {
  return known
    .filter((sheet) => startOf(sheet) < dayMs)
    .map((sheet) => (endOf(sheet) <= dayMs ? sheet : identify({ ...sheet, validTo: dayMs }, known)));
}
