import { findInCatalog } from '../book/find-candidates.ts';
import { createPriceBook, type PriceBook } from '../book/price-book.ts';
import type { Catalog, CatalogProvider } from '../price/catalog.ts';
import type { Price } from '../price/price.ts';
import { describeJump, findJump, type Jump } from './find-jump.ts';
import { contentOf, endSheets, identify, mergeSheets } from './merge-sheets.ts';

/** The source of prices that people of Meterr have looked at: what it says is never a mistake. */
const REVIEWED = 'corrections';

export interface RefusedPrice extends Jump {
  provider: string;
  model: string;
}

export interface MergeOptions {
  /** 00:00 UTC of the day on which the sources were read, in epoch milliseconds. */
  dayMs: number;
  /** Whether prices that move by more than ten times stay out. */
  isGuarded: boolean;
}

export interface MergedCatalog {
  prices: Price[];
  refused: RefusedPrice[];
}

type SaidCatalog = Pick<Catalog, 'providers' | 'prices'>;
type Groups = Map<string, Map<string, Price[]>>;

const nameOf = ({ provider, model }: Price) => `${provider}\n${model}`;

function groupSheets(prices: readonly Price[]): Groups {
  const groups: Groups = new Map();
  for (const price of prices) {
    const model = nameOf(price);
    const kind = `${price.serviceTier ?? ''}\n${price.region ?? ''}`;
    const ofModel = groups.get(model) ?? new Map<string, Price[]>();
    groups.set(model, ofModel);
    const sheets = ofModel.get(kind) ?? [];
    ofModel.set(kind, sheets);
    sheets.push(price);
  }
  return groups;
}

/** What a new sheet is held against: the sheet of the same window that holds now, or held last. */
function counterpart(known: readonly Price[], said: Price, dayMs: number): Price | undefined {
  const ofWindow = known.filter(({ dailyWindow }) => JSON.stringify(dailyWindow) === JSON.stringify(said.dailyWindow));
  const all = ofWindow.length > 0 ? ofWindow : known;
  const holds = ({ validFrom, validTo }: Price) => (validFrom ?? -1) <= dayMs && (validTo ?? dayMs + 1) > dayMs;
  return all.findLast(holds) ?? all.at(-1);
}

/** Equal sheets have equal ids: nearly all are, each day. */
function isSame(known: readonly Price[], said: readonly Price[]): boolean {
  return known.length === said.length && known.every(({ id }, index) => id === said[index]?.id);
}

function findRefusal(known: readonly Price[], said: readonly Price[], dayMs: number): Jump | null {
  const contents = new Set(known.map(contentOf));
  for (const sheet of said) {
    if (sheet.source === REVIEWED || contents.has(contentOf(sheet))) continue;
    const before = counterpart(known, sheet, dayMs);
    const jump = before ? findJump(before, sheet) : null;
    if (jump) return jump;
  }
  return null;
}

/** The sheets that were known, with the refused value beside those that are still in force. */
function dispute(known: readonly Price[], jump: Jump, dayMs: number): Price[] {
  const text = describeJump(jump);
  return known.map((sheet) =>
    (sheet.validTo ?? dayMs + 1) > dayMs ? { ...sheet, agreement: 'disputed', dispute: text } : sheet,
  );
}

/**
 * What a name cost that has no entry of its own in the catalog in force, but was covered by the rule of
 * another model. So an entry that is made of it is no new model, and its price may have changed.
 */
function adopt(book: PriceBook, said: Price): Map<string, Price[]> {
  const { provider, model, match } = said;
  const { prices, missing } = findInCatalog(book, provider, model);
  if (missing !== null) return new Map();
  const own = prices.map((sheet) => identify({ ...sheet, provider, model, match }, []));
  return groupSheets(own).get(nameOf(said)) ?? new Map();
}

/** The providers of both, since a book knows all of its sheets' providers. */
function listProviders(known: readonly Price[], said: SaidCatalog): CatalogProvider[] {
  const ids = new Set(said.providers.map(({ id }) => id));
  const lost = new Set(known.map(({ provider }) => provider).filter((id) => !ids.has(id)));
  return [...said.providers, ...[...lost].map((id) => ({ id, name: id, fallbackProviders: [] }))];
}

/**
 * The catalog that follows the one in force when the sources say something else. A model that is new
 * holds for all time; a change of a known price holds from the day on; a model that no source
 * states any more keeps its price, unless a rule of another model now covers its name.
 */
export function mergeCatalog(
  known: readonly Price[],
  said: SaidCatalog,
  { dayMs, isGuarded }: MergeOptions,
): MergedCatalog {
  if (known.length === 0) return { prices: [...said.prices], refused: [] };
  const book = createPriceBook({ providers: listProviders(known, said), prices: inPlace(known) });
  const before = groupSheets(known);
  const after = groupSheets(said.prices);
  const prices: Price[] = [];
  const refused: RefusedPrice[] = [];
  for (const [name, kinds] of after) {
    const [[first] = []] = kinds.values();
    const own = before.get(name);
    const old = own ?? (first ? adopt(book, first) : new Map<string, Price[]>());
    for (const [kind, sheets] of kinds) {
      const sheetsBefore = old.get(kind) ?? [];
      if (isSame(sheetsBefore, sheets)) {
        prices.push(...sheets);
        continue;
      }
      const jump = isGuarded ? findRefusal(sheetsBefore, sheets, dayMs) : null;
      prices.push(...(jump ? dispute(sheetsBefore, jump, dayMs) : mergeSheets(sheetsBefore, sheets, dayMs)));
      if (jump && first) refused.push({ ...jump, provider: first.provider, model: first.model });
    }
    for (const [kind, ended] of own ?? []) if (!kinds.has(kind)) prices.push(...endSheets(ended, dayMs));
  }
  return { prices: [...prices, ...keepLost(before, after, said)], refused };
}

/** In the order of the list, whatever ordinals they had in their own catalogs. */
const inPlace = (prices: readonly Price[]) => prices.map((price, ordinal) => ({ ...price, ordinal }));

function keepLost(before: Groups, after: Groups, said: SaidCatalog): Price[] {
  const providers = new Set(said.providers.map(({ id }) => id));
  const book = createPriceBook(said);
  return [...before].flatMap(([name, kinds]) => {
    const sheets = [...kinds.values()].flat();
    const [first] = sheets;
    if (!first || after.has(name) || !providers.has(first.provider)) return [];
    return findInCatalog(book, first.provider, first.model).missing === null ? [] : sheets;
  });
}
