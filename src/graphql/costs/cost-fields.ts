import { BASE_CURRENCY, type Exchange } from '../../domain/costs/exchange.ts';
import { builder } from '../builder/builder.ts';

export const CURRENCY_ARGUMENT_DESCRIPTION =
  'ISO 4217 code of the currency of all amounts: USD (the default), or one that has a rate in the configuration of the ' +
  'server. Amounts are summed in USD, multiplied exactly and rounded half to even at 18 places.';

export const ExchangeRef = builder.objectRef<Exchange>('Exchange').implement({
  description: 'The rate that amounts were converted with.',
  fields: (t) => ({
    rate: t.exposeString('rate', { description: 'Units of the currency for one USD: a decimal string.' }),
    date: t.exposeString('date', { description: 'The day of the rate, such as `2026-11-27`.' }),
    source: t.string({ description: 'Always `configuration`.', resolve: () => 'configuration' }),
  }),
});

/** What the amounts of an answer are in. */
export function currencyOf(exchange: Exchange | null): string {
  return exchange?.currency ?? BASE_CURRENCY;
}

export const CURRENCY_DESCRIPTION = 'ISO 4217 code of the currency of all amounts here.';
export const EXCHANGE_DESCRIPTION = 'The rate that the amounts were converted with; null for USD.';
