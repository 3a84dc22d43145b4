import { join } from 'node:path';
import { z } from 'zod';
import { PLAN_REQUESTS_FORM, type PlanRequests, readPlanRequests } from './domain/access/limits/plan-limits.ts';
import { EXCHANGE_RATES_FORM, type ExchangeRates, readExchangeRates } from './domain/costs/exchange.ts';
import { type FeedAddress, PRICE_FEEDS_FORM, readFeedAddresses } from './domain/pricing/feeds/feed-addresses.ts';
import { requireProxyRanges, type TrustedProxies } from './platform/http/caller-address.ts';

// What the values of settings may be; a message says what is expected.

/** A whole number within bounds. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max}`);

/** `true` or `false`. */
export const flag = z.enum(['true', 'false'], 'true or false').transform((value) => value === 'true');

const PUBLIC_URL = 'a URL such as https://meterr.example.com, without query or fragment';

/** Without a slash at its end, so that a path can follow. */
export const publicUrl = z.string().transform((value, context): string => {
  const url = URL.parse(value);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && !/[?#@]/.test(value);
  if (isPlain) return url.href.replace(/\/+$/, '');
  context.addIssue({ code: 'custom', message: PUBLIC_URL });
  return z.NEVER;
});

const MAX_RETRIES = 20;
const MAX_RETRY_SECONDS = 7 * 86_400;
const RETRY_SECONDS = `1 to ${MAX_RETRIES} numbers of seconds up to ${MAX_RETRY_SECONDS}, separated by commas`;
const NUMBER_OF_SECONDS = /^\d{1,6}(\.\d{1,3})?$/;

/** The pauses between the tries of a webhook. */
export const retrySeconds = z
  .string()
  .transform((value) => value.split(',').map((one) => one.trim()))
  .refine((list) => list.length <= MAX_RETRIES && list.every((one) => NUMBER_OF_SECONDS.test(one)), RETRY_SECONDS)
  .transform((list) => list.map(Number))
  .refine((list) => list.every((seconds) => seconds <= MAX_RETRY_SECONDS), RETRY_SECONDS);

const MAX_PROXY_HOPS = 32;
const TRUSTED_PROXIES = `false, the number of proxies in front (1 to ${MAX_PROXY_HOPS}), or their addresses and CIDR ranges, separated by commas`;

/** Undefined: the value is invalid. */
function readTrustedProxies(value: string): TrustedProxies | undefined {
  if (value === 'false' || value === '0') return null;
  if (/^\d+$/.test(value)) return Number(value) <= MAX_PROXY_HOPS ? Number(value) : undefined;
  const ranges = value.split(',').map((range) => range.trim());
  try {
    requireProxyRanges(ranges);
    return ranges;
  } catch {
    return undefined;
  }
}

/** The proxies in front, see `TrustedProxies`. */
export const trustedProxies = z.string().transform((value, context): TrustedProxies => {
  const trusted = readTrustedProxies(value);
  if (trusted !== undefined) return trusted;
  context.addIssue({ code: 'custom', message: TRUSTED_PROXIES });
  return z.NEVER;
});

/** The requests an hour of each plan. */
export const planRequests = z.string().transform((value, context): PlanRequests => {
  const requests = readPlanRequests(value);
  if (requests) return requests;
  context.addIssue({ code: 'custom', message: PLAN_REQUESTS_FORM });
  return z.NEVER;
});

/** What one USD is in other currencies. */
export const exchangeRates = z.string().transform((value, context): ExchangeRates => {
  const rates = readExchangeRates(value);
  if (typeof rates !== 'string') return rates;
  context.addIssue({ code: 'custom', message: `${EXCHANGE_RATES_FORM}; ${rates}` });
  return z.NEVER;
});

/** What relative paths begin at: Meterr's own folder. */
export const ROOT = join(import.meta.dirname, '..');

/** Where prices are read from. */
export const priceFeeds = z.string().transform((value, context): readonly FeedAddress[] => {
  const feeds = readFeedAddresses(value, ROOT);
  if (feeds) return feeds;
  context.addIssue({ code: 'custom', message: PRICE_FEEDS_FORM });
  return z.NEVER;
});

/** What `METERR_CORS_ORIGINS` takes, in words. */
export const CORS_ORIGINS = '*, or origins such as https://app.example.com (no path), separated by commas';

/** Whether a browser would send this as an `Origin`. */
export function isOrigin(value: string): boolean {
  return value === '*' || (/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/i.test(value) && URL.canParse(value));
}
