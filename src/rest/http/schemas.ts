import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../domain/access/scopes.ts';
import { BUDGET_LIMITS } from '../../domain/budgets/read-budget-input.ts';
import { GRANT_LIMITS } from '../../domain/credits/grant-credits.ts';
import { USAGE_LIMITS } from '../../domain/input/limits.ts';
import { USAGE_COUNTS } from '../../domain/pricing/price/usage-counts.ts';
import { USAGE_UNITS } from '../../domain/pricing/price/usage-units.ts';
import { isTimeZone } from '../../platform/calendar.ts';
import { ERROR_LIMITS, ERROR_STATUS } from '../../platform/errors.ts';
import { isObject } from '../../platform/json/json.ts';
import { MONEY_SCALE, parseScaled } from '../../platform/money.ts';
import { parseTime } from '../../platform/time.ts';

// What requests and answers are made of, in snake_case; from here come both the checks and the
// OpenAPI document.

const MAX_DECIMAL_DIGITS = 60;
/** GraphQL's `Int`. */
const MAX_INT = 2 ** 31 - 1;
const DECIMAL = `must be a decimal with at most ${MONEY_SCALE} places and ${MAX_DECIMAL_DIGITS} characters, as a string or a number`;
const DECIMAL_PATTERN = '^[+-]?[0-9]+(\\.[0-9]*)?([eE][+-]?[0-9]{1,3})?$';
const THRESHOLD = `must be whole percents from 1 to ${BUDGET_LIMITS.threshold}`;

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isTime(text: string): boolean {
  return parseTime(text) !== null;
}

function isDecimal(text: string): boolean {
  return text.length <= MAX_DECIMAL_DIGITS && parseScaled(text, MONEY_SCALE) !== null;
}

function isTags(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const key in value) if (typeof value[key] !== 'string') return false;
  return true;
}

const TIME = 'must be an RFC 3339 time such as 2026-11-22T10:00:00Z';
/** What a query makes of `2026-11-22T10:00:00+05:30`. */
const LOST_PLUS = /T\d\d:\d\d:\d\d(\.\d+)? \d\d:\d\d$/i;

/** RFC 3339 with any offset. */
export const time = z
  .string()
  .refine(isTime, {
    error: ({ input }) =>
      LOST_PLUS.test(String(input)) ? `${TIME}; in a URL the + of an offset must be sent as %2B` : TIME,
  })
  .openapi({ format: 'date-time', example: '2026-11-22T10:00:00Z' });

export const timeZone = z
  .string()
  .refine(isTimeZone, 'must be an IANA time zone such as Asia/Kolkata')
  .openapi({ example: 'Asia/Kolkata' });

/** A decimal string, or a JSON number whose text was kept by the parser. */
const decimalInput = z
  .union([z.string(), z.number()], DECIMAL)
  .transform(String)
  .refine(isDecimal, DECIMAL)
  .openapi({
    type: ['string', 'number', 'null'],
    pattern: DECIMAL_PATTERN,
    maxLength: MAX_DECIMAL_DIGITS,
    example: '0.0061',
  });

export const decimal = z.string().openapi({ example: '0.0075', description: 'An exact decimal, in USD.' });

/** A whole number from `min` to `max`. */
function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
}

export const count = wholeNumber(0, Number.MAX_SAFE_INTEGER).openapi({ example: 1200 });
/** A count of one event. */
const eventCount = wholeNumber(0, USAGE_LIMITS.count).openapi({ example: 1200 });
export const signedCount = z.int().openapi({ example: 1200 });

/**
 * An object with the caller's own keys, which is checked, and then kept as it was given: a copy
 * would lose a key such as `__proto__`. Looks no further than the limit of problems.
 * @param isRight of a value inside
 */
function asGiven(isRight: (value: unknown) => boolean, expected: string, openapi: object): z.ZodType {
  const check = z.unknown().superRefine((value, context) => {
    if (!isObject(value)) {
      context.addIssue({ code: 'custom', message: 'must be an object' });
      return;
    }
    let problems = 0;
    for (const key of Object.keys(value)) {
      if (isRight(value[key])) continue;
      if (++problems > ERROR_LIMITS.problems) return;
      context.addIssue({ code: 'custom', path: [key], message: `must be ${expected}` });
    }
  });
  return check.openapi({ type: ['object', 'null'], ...openapi });
}

/**
 * What takes one value: its schema, and the same check as a quick look at a value that is not null.
 */
export interface Leaf {
  schema: z.ZodType;
  isPlain(value: unknown): boolean;
}

const eventCountLeaf: Leaf = {
  schema: eventCount,
  isPlain: (value) => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= USAGE_LIMITS.count,
};
const string: Leaf = { schema: z.string(), isPlain: isString };

/** By the scalar's name in GraphQL. */
export const LEAVES: Readonly<Record<string, Leaf>> = {
  String: string,
  ID: string,
  Boolean: { schema: z.boolean(), isPlain: (value) => typeof value === 'boolean' },
  Int: { schema: wholeNumber(0, MAX_INT), isPlain: () => false },
  SafeInt: { schema: count, isPlain: (value) => Number.isSafeInteger(value) && Number(value) >= 0 },
  DateTime: { schema: time, isPlain: (value) => isString(value) && isTime(value) },
  Decimal: { schema: decimalInput, isPlain: (value) => isString(value) && isDecimal(value) },
};

/** A quantity of an event, as the OpenAPI document has it; the domain checks it. */
const COUNT_DOCUMENT = { type: 'integer' as const, minimum: 0, maximum: USAGE_LIMITS.count };

/**
 * By the field's name: those that say more than their type, and those whose inside is the caller's
 * own.
 */
export const FREE_LEAVES: Readonly<Record<string, Leaf>> = {
  ...Object.fromEntries(
    [...USAGE_COUNTS.map(({ field }) => field), 'maxOutputTokens'].map((field) => [field, eventCountLeaf]),
  ),
  timezone: { schema: timeZone, isPlain: () => false },
  scopes: { schema: oneOf(SCOPES), isPlain: () => false },
  priority: { schema: wholeNumber(-GRANT_LIMITS.priority, GRANT_LIMITS.priority), isPlain: () => false },
  // The domain says the same of smaller numbers, and of all of them at once.
  thresholds: {
    schema: z
      .int(THRESHOLD)
      .min(-MAX_INT, THRESHOLD)
      .max(MAX_INT, THRESHOLD)
      .openapi({ minimum: 1, maximum: BUDGET_LIMITS.threshold, example: 80 }),
    isPlain: () => false,
  },
  tags: {
    schema: asGiven(isString, 'a string', { additionalProperties: { type: 'string' } }),
    isPlain: isTags,
  },
  metadata: { schema: asGiven(() => true, 'a JSON value', { additionalProperties: {} }), isPlain: isObject },
  units: {
    schema: asGiven(() => true, 'a whole number', {
      properties: Object.fromEntries(USAGE_UNITS.map(({ unit }) => [unit, COUNT_DOCUMENT])),
      additionalProperties: false,
    }),
    isPlain: isObject,
  },
  usage: { schema: z.unknown().openapi({ type: ['object', 'null'] }), isPlain: () => true },
};

/** A whole number in a query, as a string. */
export function queryInteger(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
    .openapi({ type: 'integer', minimum: min, maximum: max });
}

/** `one of` with a message that lists them. */
export function oneOf(values: readonly string[]) {
  return z.enum([...values], `must be one of ${values.join(', ')}`);
}

export const errorEnvelope = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_STATUS)).openapi({ example: 'invalid_request' }),
      message: z.string().openapi({ example: 'output_tokens: is required, unless usage is given' }),
      details: z
        .record(z.string(), z.unknown())
        .openapi({ example: { fields: [{ path: 'output_tokens', message: 'is required, unless usage is given' }] } }),
    }),
  })
  .openapi('Error');

export interface ConnectionAnswer<Node> {
  edges: { node: Node }[];
  page_info: { has_next_page: boolean; end_cursor: string | null };
}

/** A Relay connection as a REST list. */
export function toList<Node>(connection: ConnectionAnswer<Node>) {
  const { has_next_page: hasMore, end_cursor: endCursor } = connection.page_info;
  return { data: connection.edges.map(({ node }) => node), has_more: hasMore, next_cursor: hasMore ? endCursor : null };
}
