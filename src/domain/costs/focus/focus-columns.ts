/** The columns of FOCUS 1.2 that are written, in the order of the alphabet. */
const FOCUS_COLUMNS = [
  'BilledCost',
  'BillingAccountId',
  'BillingAccountName',
  'BillingAccountType',
  'BillingCurrency',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargeFrequency',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'CommitmentDiscountId',
  'CommitmentDiscountStatus',
  'ConsumedQuantity',
  'ConsumedUnit',
  'ContractedCost',
  'ContractedUnitPrice',
  'EffectiveCost',
  'InvoiceId',
  'InvoiceIssuerName',
  'ListCost',
  'ListUnitPrice',
  'PricingCategory',
  'PricingCurrency',
  'PricingCurrencyContractedUnitPrice',
  'PricingCurrencyEffectiveCost',
  'PricingCurrencyListUnitPrice',
  'PricingQuantity',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'ResourceId',
  'ResourceName',
  'ResourceType',
  'ServiceCategory',
  'ServiceName',
  'ServiceSubcategory',
  'SkuId',
  'SkuMeter',
  'SkuPriceDetails',
  'SkuPriceId',
  'SubAccountId',
  'SubAccountName',
  'SubAccountType',
  'Tags',
] as const;

/** Columns of our own, behind those of FOCUS, as it asks. */
const OWN_COLUMNS = ['x_ExchangeRate', 'x_ExchangeRateDate', 'x_Model', 'x_ServiceTier', 'x_Unpriced'] as const;

export const EXPORT_COLUMNS = [...FOCUS_COLUMNS, ...OWN_COLUMNS] as const;
export type ExportColumn = (typeof EXPORT_COLUMNS)[number];

/** Columns whose values are decimal strings, with a point even where they are whole. */
export const EXPORT_DECIMALS: readonly ExportColumn[] = [
  'BilledCost',
  'ConsumedQuantity',
  'ContractedCost',
  'ContractedUnitPrice',
  'EffectiveCost',
  'ListCost',
  'ListUnitPrice',
  'PricingCurrencyContractedUnitPrice',
  'PricingCurrencyEffectiveCost',
  'PricingCurrencyListUnitPrice',
  'PricingQuantity',
  'x_ExchangeRate',
];

/** A row of the file. Objects are key-value columns: JSON in a cell of CSV. */
export type FocusRow = Record<ExportColumn, string | boolean | null | Readonly<Record<string, string>>>;
