import { z } from '@hono/zod-openapi';
import { isTimeZone } from '../../platform/calendar.ts';
import { MONEY_SCALE, parseScaled } from '../../platform/money.ts';
import { parseTime } from '../../platform/time.ts';

// What requests and answers are made of, in snake_case; from here come both the checks and the OpenAPI document.

const MAX_DECIMAL_DIGITS = 60;

/** RFC 3339 with any offset. */
export const time = z
  .string()
  .refine((text) => parseTime(text) !== null, 'must be an RFC 3339 time such as 2026-11-22T10:00:00Z')
  .openapi({ format: 'date-time', example: '2026-11-22T10:00:00Z' });

export const timeZone = z
  .string()
  .refine(isTimeZone, 'must be an IANA time zone such as Asia/Kolkata')
  .openapi({ example: 'Asia/Kolkata' });

/** A decimal string, or a JSON number whose text was kept by the parser. */
export const decimalInput = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine(
    (text) => text.length <= MAX_DECIMAL_DIGITS && parseScaled(text, MONEY_SCALE) !== null,
    'must be a decimal with at most 18 places',
  )
  .openapi({ type: 'string', example: '0.0061' });

export const decimal = z.string().openapi({ example: '0.0075', description: 'An exact decimal, in USD.' });
export const count = z.int('must be a whole number').min(0, 'must not be negative').openapi({ example: 1200 });
export const signedCount = z.int().openapi({ example: 1200 });

/** A whole number in a query, as text. */
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
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

export const errorEnvelope = z
  .object({
    error: z.object({
      code: z.string().openapi({ example: 'invalid_request' }),
      message: z.string().openapi({ example: 'output_tokens: is required, unless usage is given' }),
      details: z
        .record(z.string(), z.unknown())
        .openapi({ example: { fields: [{ path: 'output_tokens', message: 'is required, unless usage is given' }] } }),
    }),
  })
  .openapi('Error');

/** A list in pages. */
export function listOf<T extends z.ZodType>(item: T, name: string) {
  return z
    .object({
      data: z.array(item),
      has_more: z.boolean(),
      next_cursor: z.string().nullable().openapi({ description: 'Give it as `cursor` for the next page.' }),
    })
    .openapi(name);
}

/** `limit` and `cursor` of a list. */
export function pageQuery(max: number) {
  return { limit: queryInteger(1, max).optional(), cursor: z.string().optional() };
}

interface ConnectionAnswer<Node> {
  edges: { node: Node }[];
  page_info: { has_next_page: boolean; end_cursor: string | null };
}

/** A Relay connection as a REST list. */
export function toList<Node>(connection: ConnectionAnswer<Node>) {
  const { has_next_page: hasMore, end_cursor: endCursor } = connection.page_info;
  return { data: connection.edges.map(({ node }) => node), has_more: hasMore, next_cursor: hasMore ? endCursor : null };
}
