import { expect } from 'vitest';
import { attoOf } from './ledger.ts';

// What the rules of FOCUS 1.2 ask of a file of ours, as focus-validator checks them. Nothing from src/ is
// imported. `.ci/focus` runs the validator itself.

/** A row as CSV or NDJSON has it: null for what is empty. */
export type FileRow = Record<string, unknown>;

const CELL = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|$)/y;

/** RFC 4180, with CRLF at the end of each line. */
export function parseCsv(text: string): { columns: string[]; rows: string[][] } {
  const lines: string[][] = [[]];
  CELL.lastIndex = 0;
  while (CELL.lastIndex < text.length) {
    const [, cell = '', end] = CELL.exec(text) ?? [];
    lines.at(-1)?.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end !== ',') lines.push([]);
  }
  expect(lines.pop()).toEqual([]);
  const [columns = [], ...rows] = lines;
  return { columns, rows };
}

/** The rows of either form. */
export function readFile(text: string, contentType: string | null): FileRow[] {
  if (contentType?.startsWith('application/x-ndjson')) {
    return text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
  }
  const { columns, rows } = parseCsv(text);
  return rows.map((cells) => {
    expect(cells).toHaveLength(columns.length);
    return Object.fromEntries(columns.map((name, i) => [name, readCell(name, cells[i] ?? '')]));
  });
}

function readCell(name: string, cell: string): unknown {
  if (cell === '') return null;
  return KEY_VALUES.includes(name) || name === 'x_Unpriced' ? JSON.parse(cell) : cell;
}

const DECIMAL = /^-?(0|[1-9]\d*)\.(0|\d*[1-9])$/;
const NOT_NEGATIVE = /^(0|[1-9]\d*)\.(0|\d*[1-9])$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const DAY_OF_MONTH_ONE = /^\d{4}-\d\d-01T00:00:00Z$/;
const TEXT = /^\S(.*\S)?$/s;
const CURRENCY = /^[A-Z]{3}$/;
const KEY_VALUES = ['SkuPriceDetails', 'Tags'];

/** Never null. */
const ALWAYS: Record<string, RegExp> = {
  BilledCost: DECIMAL,
  BillingAccountId: /^org_[0-9a-z]{26}$/,
  BillingAccountName: TEXT,
  BillingAccountType: TEXT,
  BillingCurrency: CURRENCY,
  BillingPeriodEnd: DAY_OF_MONTH_ONE,
  BillingPeriodStart: DAY_OF_MONTH_ONE,
  ChargeCategory: /^Usage$/,
  ChargeDescription: TEXT,
  ChargeFrequency: /^(One-Time|Recurring|Usage-Based)$/,
  ChargePeriodEnd: TIME,
  ChargePeriodStart: TIME,
  ContractedCost: DECIMAL,
  EffectiveCost: DECIMAL,
  InvoiceIssuerName: TEXT,
  ListCost: DECIMAL,
  PricingCategory: /^(Standard|Committed|Dynamic|Other)$/,
  PricingCurrency: CURRENCY,
  PricingCurrencyEffectiveCost: DECIMAL,
  ProviderName: TEXT,
  PublisherName: TEXT,
  ServiceCategory: /^AI and Machine Learning$/,
  ServiceName: TEXT,
  ServiceSubcategory: /^Generative AI$/,
  SkuId: TEXT,
  SkuMeter: TEXT,
};
/** Null in a correction, and only there. */
const UNLESS_CORRECTION: Record<string, RegExp> = {
  ConsumedQuantity: NOT_NEGATIVE,
  ConsumedUnit: TEXT,
  ContractedUnitPrice: NOT_NEGATIVE,
  ListUnitPrice: NOT_NEGATIVE,
  PricingCurrencyContractedUnitPrice: NOT_NEGATIVE,
  PricingCurrencyListUnitPrice: NOT_NEGATIVE,
  PricingQuantity: NOT_NEGATIVE,
  PricingUnit: TEXT,
  SkuPriceId: TEXT,
};
/** Always null: there is no such thing, but a rule reads the column. */
const NEVER = [
  'CommitmentDiscountId',
  'CommitmentDiscountStatus',
  'InvoiceId',
  'ResourceId',
  'ResourceName',
  'ResourceType',
];
const TEAM = ['SubAccountId', 'SubAccountName', 'SubAccountType'];
const OWN = ['x_ExchangeRate', 'x_ExchangeRateDate', 'x_Model', 'x_ServiceTier', 'x_Unpriced'];
/** FOCUS asks for its own columns first. */
export const FILE_COLUMNS = [
  ...[
    ...Object.keys(ALWAYS),
    ...Object.keys(UNLESS_CORRECTION),
    ...NEVER,
    ...TEAM,
    ...KEY_VALUES,
    'ChargeClass',
  ].sort(),
  ...OWN,
];

/** Of a decimal with a point. */
export function attoOfCell(cell: unknown): bigint {
  return attoOf(String(cell));
}

/** Price x quantity, where neither is rounded. */
function product(row: FileRow, price: string): bigint {
  return (attoOfCell(row[price]) * attoOfCell(row.PricingQuantity)) / 10n ** 18n;
}

function expectAmounts(row: FileRow): void {
  expect(attoOfCell(row.PricingQuantity) % 10n ** 18n).toBe(0n);
  expect(product(row, 'ListUnitPrice')).toBe(attoOfCell(row.ListCost));
  expect(product(row, 'ContractedUnitPrice')).toBe(attoOfCell(row.ContractedCost));
  expect(product(row, 'PricingCurrencyContractedUnitPrice')).toBe(attoOfCell(row.PricingCurrencyEffectiveCost));
}

/** One row against the rules. */
export function expectRow(row: FileRow): void {
  expect(Object.keys(row)).toEqual(FILE_COLUMNS);
  expect([null, 'Correction']).toContain(row.ChargeClass);
  const isCorrection = row.ChargeClass !== null;
  const match = (rules: Record<string, RegExp>) => {
    for (const [name, form] of Object.entries(rules)) expect(row[name], name).toMatch(form);
  };
  match(ALWAYS);
  if (!isCorrection) match(UNLESS_CORRECTION);
  const empty = [...NEVER, ...(isCorrection ? [...Object.keys(UNLESS_CORRECTION), 'SkuPriceDetails'] : [])];
  expect(empty.filter((name) => row[name] !== null)).toEqual([]);
  expect(new Set(TEAM.map((name) => row[name] === null)).size).toBe(1);
  for (const name of KEY_VALUES) {
    const values = Object.values(Object(row[name]));
    expect(values.filter((value) => typeof value !== 'string')).toEqual([]);
  }
  for (const name of Object.keys(Object(row.SkuPriceDetails))) expect(name).toMatch(/^x_[A-Z]/);
  if (!isCorrection) expectAmounts(row);
  const times = [row.BillingPeriodStart, row.ChargePeriodStart, row.ChargePeriodEnd, row.BillingPeriodEnd].map(String);
  expect(times).toEqual(times.toSorted());
  expect(typeof row.x_Unpriced).toBe('boolean');
}

/** A whole file against the rules that compare rows. */
export function expectFile(rows: readonly FileRow[]): void {
  for (const row of rows) expectRow(row);
  const single = (of: string, by: string) => {
    const found = Map.groupBy(rows, (row) => row[of]);
    for (const [value, list] of found) {
      if (value !== null) expect(new Set(list.map((row) => row[by])).size, `${of} ${value}`).toBe(1);
    }
  };
  single('SkuPriceId', 'SkuId');
  single('SkuId', 'SkuMeter');
  single('ServiceName', 'ServiceCategory');
  single('ServiceName', 'ServiceSubcategory');
  const keys = rows.map((row) =>
    JSON.stringify(
      [
        'ChargePeriodStart',
        'ProviderName',
        'SubAccountId',
        'SkuPriceId',
        'ListUnitPrice',
        'Tags',
        'x_Model',
        'x_ServiceTier',
        'x_Unpriced',
        'ChargeDescription',
      ].map((name) => row[name]),
    ),
  );
  expect(new Set(keys).size).toBe(keys.length);
}

/** What a column of costs adds up to, in 10^-18. */
export function sumOf(rows: readonly FileRow[], column = 'BilledCost'): bigint {
  return rows.reduce((sum, row) => sum + attoOfCell(row[column]), 0n);
}
