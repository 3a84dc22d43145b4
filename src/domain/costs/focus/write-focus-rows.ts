import { formatMoney, formatScaled } from '../../../platform/money.ts';
import { BASE_CURRENCY, type Exchange, exchangeMoney } from '../exchange.ts';
import type { Charge } from './charge.ts';
import type { FocusRow } from './focus-columns.ts';
import { splitCharge } from './split-charge.ts';

/** What all rows of a day have in common. */
export interface RowFrame {
  accountId: string;
  accountName: string;
  exchange: Exchange | null;
  /** Epoch milliseconds of the day, cut to what was asked for. */
  startMs: number;
  endMs: number;
  /** The names of teams, by UUID, with their ids on the wire. */
  teams: ReadonlyMap<string, { id: string; name: string | null }>;
}

/** FOCUS wants whole seconds. */
function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z');
}

function monthOf(timeMs: number, later: 0 | 1): string {
  const time = new Date(timeMs);
  return formatTime(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + later, 1));
}

/** The validator takes a decimal without a point for an integer. */
function withPoint(decimal: string): string {
  return decimal.includes('.') ? decimal : `${decimal}.0`;
}

function formatAmount(amount: bigint): string {
  return withPoint(formatMoney(amount));
}

/** `Tokens` of `cache_read_tokens`; whole costs are of requests. */
function unitName(unit: string): string {
  const word = unit.slice(unit.lastIndexOf('_') + 1);
  return word === 'cost' ? 'Requests' : word.charAt(0).toUpperCase() + word.slice(1);
}

function describe({ provider, skuModel, unit, serviceTier, correction, isUnpriced }: Charge): string {
  const what = `${provider} ${skuModel}`;
  if (correction) return `Correction of ${what}, made on ${correction.day}: ${correction.reason}`;
  return `${what} ${unit}${serviceTier === 'standard' ? '' : ` (${serviceTier})`}${isUnpriced ? ', no price known' : ''}`;
}

/** A quantity, what it costs in USD, and what that is in the currency of the file. */
interface Amounts {
  /** Null: a correction, which has costs alone. */
  part: { quantity: bigint; usdPrice: bigint; price: bigint } | null;
  usdCost: bigint;
  cost: bigint;
}

function amountsOf({ amount, quantity, correction }: Charge, exchange: Exchange | null): Amounts[] {
  if (correction) return [{ part: null, usdCost: amount, cost: exchangeMoney(amount, exchange) }];
  return splitCharge(amount, quantity).flatMap((inUsd) => {
    const converted = exchangeMoney(inUsd.quantity * inUsd.unitPrice, exchange);
    return splitCharge(converted, inUsd.quantity).map((part) => ({
      part: { quantity: part.quantity, usdPrice: inUsd.unitPrice, price: part.unitPrice },
      usdCost: part.quantity * inUsd.unitPrice,
      cost: part.quantity * part.unitPrice,
    }));
  });
}

function writeRow(charge: Charge, frame: RowFrame, { part, usdCost, cost }: Amounts): FocusRow {
  const { provider, model, serviceTier, unit, skuModel, correction } = charge;
  const { exchange, startMs, endMs } = frame;
  const team = charge.teamId === null ? undefined : frame.teams.get(charge.teamId);
  const amount = formatAmount(cost);
  const price = part && formatAmount(part.price);
  const usdPrice = part && formatAmount(part.usdPrice);
  const quantity = part && withPoint(String(part.quantity));
  const skuId = `${provider}/${skuModel}/${unit}`;
  return {
    BilledCost: amount,
    BillingAccountId: frame.accountId,
    BillingAccountName: frame.accountName,
    BillingAccountType: 'Organization',
    BillingCurrency: exchange?.currency ?? BASE_CURRENCY,
    BillingPeriodEnd: monthOf(startMs, 1),
    BillingPeriodStart: monthOf(startMs, 0),
    ChargeCategory: 'Usage',
    ChargeClass: correction && 'Correction',
    ChargeDescription: describe(charge),
    ChargeFrequency: 'Usage-Based',
    ChargePeriodEnd: formatTime(endMs),
    ChargePeriodStart: formatTime(startMs),
    CommitmentDiscountId: null,
    CommitmentDiscountStatus: null,
    ConsumedQuantity: quantity,
    ConsumedUnit: part && unitName(unit),
    ContractedCost: amount,
    ContractedUnitPrice: price,
    EffectiveCost: amount,
    InvoiceId: null,
    InvoiceIssuerName: provider,
    ListCost: amount,
    ListUnitPrice: price,
    PricingCategory: 'Standard',
    PricingCurrency: BASE_CURRENCY,
    PricingCurrencyContractedUnitPrice: usdPrice,
    PricingCurrencyEffectiveCost: formatAmount(usdCost),
    PricingCurrencyListUnitPrice: usdPrice,
    PricingQuantity: quantity,
    PricingUnit: part && unitName(unit),
    ProviderName: provider,
    PublisherName: provider,
    ResourceId: null,
    ResourceName: null,
    ResourceType: null,
    ServiceCategory: 'AI and Machine Learning',
    ServiceName: model,
    ServiceSubcategory: 'Generative AI',
    SkuId: skuId,
    SkuMeter: unit,
    SkuPriceDetails: part && { x_ServiceTier: serviceTier },
    // By the price in USD, which no exchange rate changes.
    SkuPriceId: part && `${skuId}/${serviceTier}/${formatScaled(part.usdPrice, 18)}`,
    SubAccountId: team?.id ?? null,
    SubAccountName: team?.name ?? null,
    SubAccountType: team ? 'Team' : null,
    Tags: charge.tags,
    x_ExchangeRate: exchange && withPoint(exchange.rate),
    x_ExchangeRateDate: exchange?.date ?? null,
    x_Model: model,
    x_ServiceTier: serviceTier,
    x_Unpriced: charge.isUnpriced,
  };
}

/** The rows of a charge: one, or some whose quantities and costs add up to it, see `splitCharge`. */
export function writeFocusRows(charge: Charge, frame: RowFrame): FocusRow[] {
  return amountsOf(charge, frame.exchange).map((amounts) => writeRow(charge, frame, amounts));
}
