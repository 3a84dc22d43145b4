import type { TestApp } from '../../harness/app.ts';
import type { MadeOrganization } from '../../harness/make.ts';

export interface PriceAnswer {
  id: string;
  provider: string;
  model: string | null;
  match: object;
  service_tier: string | null;
  valid_from: string | null;
  valid_to: string | null;
  units: { unit: string; price: string; per: number; tiers: { above: number; price: string }[] }[];
  discount_percent: string | null;
  agreement: string;
}

export interface AliasAnswer {
  id: string;
  provider: string;
  model: string;
  target_provider: string;
  target_model: string;
  created_at: string;
}

/** Prices of tokens, for a million. */
export const tokenUnits = (input: string, output: string) => [
  { unit: 'input_tokens', price: input },
  { unit: 'output_tokens', price: output },
];

export const GPT_4O = { provider: 'openai', model: 'gpt-4o' };

export function makePrice({ ok }: Pick<TestApp, 'ok'>, { key }: MadeOrganization, body: object): Promise<PriceAnswer> {
  return ok<PriceAnswer>('POST', '/v1/prices', { key: key.secret, body: { ...GPT_4O, ...body } });
}

export function makeAlias({ ok }: Pick<TestApp, 'ok'>, { key }: MadeOrganization, body: object): Promise<AliasAnswer> {
  return ok<AliasAnswer>('POST', '/v1/model-aliases', { key: key.secret, body: { provider: 'openai', ...body } });
}

/** Adds decimal strings exactly. */
export function addDecimals(decimals: readonly string[]): string {
  const PLACES = 18;
  let sum = 0n;
  for (const decimal of decimals) {
    const [, sign, whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal) ?? [];
    const value = BigInt(whole + fraction.padEnd(PLACES, '0'));
    sum += sign ? -value : value;
  }
  const digits = (sum < 0n ? -sum : sum).toString().padStart(PLACES + 1, '0');
  const text = `${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`.replace(/\.?0+$/, '');
  return sum < 0n ? `-${text}` : text;
}
