import type { AttoUsd } from '../../../platform/money.ts';
import type { PriceBook } from '../../pricing/book/match-price.ts';
import { priceAgain } from '../adjust/price-again.ts';
import type { PricedLedgerEvent } from './read-ledger-pages.ts';

/**
 * What an event is to cost by the prices of a book, as `adjustUsage` decides: null where that is what it
 * costs, where its caller gave the cost, and where it has no price.
 */
export function holdAgainstPrice(book: PriceBook, event: PricedLedgerEvent): AttoUsd | null {
  if (event.costSource === 'caller') return null;
  const cost = priceAgain(book, event)?.cost;
  return cost === undefined || cost === event.cost ? null : cost;
}
