import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../domain/access/scopes.ts';
import { EVENT_TYPES, type EventTypeDefinition } from '../../domain/event-log/event-types.ts';
import type { PayloadField, PayloadKind } from '../../domain/event-log/payload-field.ts';
import { snakeName } from './case.ts';
import { count, decimal, errorEnvelope, time } from './schemas.ts';

/** By the scalar's name in GraphQL. */
export const ANSWER_LEAVES: Readonly<Record<string, z.ZodType>> = {
  String: z.string(),
  ID: z.string(),
  Boolean: z.boolean(),
  Float: z.number(),
  Int: count,
  SafeInt: count,
  DateTime: time,
  Decimal: decimal,
  Amount: z
    .union([z.string(), z.number()])
    .openapi({ description: 'A decimal string in USD, or a number of tokens.', example: '12.5' }),
  JSON: z.record(z.string(), z.unknown()),
};

/** Makes the schema of a kind anew, because each has a description of its own. */
const PAYLOAD_KINDS: ReadonlyMap<PayloadKind, () => z.ZodType> = new Map<PayloadKind, () => z.ZodType>([
  ['id', () => z.string()],
  ['string', () => z.string()],
  ['time', () => time],
  ['count', () => count],
  ['decimal', () => decimal],
  ['amount', () => z.union([z.string(), z.number()])],
  ['unit', () => z.enum(['usd', 'tokens'])],
  [
    'drivers',
    () => z.array(z.object({ dimension: z.string(), value: z.string(), expected: decimal, actual: decimal })),
  ],
]);

function valueSchema({ kind, isNullable, description }: Omit<PayloadField<never>, 'read'>): z.ZodType {
  const schema = PAYLOAD_KINDS.get(kind)?.();
  if (!schema) throw new Error(`REST does not know values of the kind ${kind}`);
  return (isNullable ? schema.nullable() : schema).openapi({ description });
}

function payloadSchema([type, { payload, description, fields }]: [string, EventTypeDefinition]): z.ZodObject {
  const shape = Object.entries(fields).map(([name, one]) => [snakeName(name), valueSchema(one)]);
  return z
    .object(Object.fromEntries(shape))
    .openapi(payload, { description: `The data of \`${type}\`: ${description}.` });
}

/** The data of any event: a component for each type of event. */
const EVENT_DATA = z
  .union([...EVENT_TYPES].map(payloadSchema))
  .openapi({ description: 'What happened; its fields depend on the type of the event.' });

/** What says more than its type: by field, or by type and field. */
const OWN_LEAVES: Readonly<Record<string, z.ZodType>> = {
  tags: z.record(z.string(), z.string()),
  priority: z.int(),
  scopes: z.array(z.enum(SCOPES)),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .openapi({ example: 'USD' }),
  'Exchange.rate': z.string().openapi({ example: '0.8612' }),
  'Exchange.date': z.iso.date(),
  'Exchange.source': z.literal('configuration'),
  'Event.data': EVENT_DATA,
  'UsageBatchItem.error': errorEnvelope.shape.error,
};

/** The schema of `field` in `type`, where it says more than its type. */
export function ownLeaf(type: string, field: string): z.ZodType | undefined {
  return OWN_LEAVES[`${type}.${field}`] ?? OWN_LEAVES[field];
}

/** `{"model": "gpt-4o", "tag:env": "prod"}`: the routes make an object of GraphQL's list. */
export const GROUP = z.record(z.string(), z.string().nullable()).openapi({ example: { model: 'gpt-4o' } });

/** May be null in GraphQL, but is not where REST asks for it. */
export const NEVER_NULL = new Set(['Webhook.secret', 'Hold.budgets']);

/** Types whose counts may be negative, where an event was voided. */
export const SIGNED = new Set(['UsageEvent', 'UsageTotals', 'UsageGroup', 'CostBreakdownLine']);
