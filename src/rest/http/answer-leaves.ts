import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../domain/access/scopes.ts';
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

/** What says more than its type: by field, or by type and field. */
const OWN_LEAVES: Readonly<Record<string, z.ZodType>> = {
  tags: z.record(z.string(), z.string()),
  priority: z.int(),
  scopes: z.array(z.enum(SCOPES)),
  'CostSummary.currency': z.literal('USD'),
  'UsageBatchItem.error': errorEnvelope.shape.error,
};

/** The schema of `field` in `type`, where it says more than its type. */
export function ownLeaf(type: string, field: string): z.ZodType | undefined {
  return OWN_LEAVES[`${type}.${field}`] ?? OWN_LEAVES[field];
}

/** `{"model": "gpt-4o", "tag:env": "prod"}`: the routes make an object of GraphQL's list. */
export const GROUP = z.record(z.string(), z.string().nullable()).openapi({ example: { model: 'gpt-4o' } });

/** May be null in GraphQL, but is not where REST asks for it. */
export const NEVER_NULL = new Set(['Hold.budgets']);

/** Types whose counts may be negative, where an event was voided. */
export const SIGNED = new Set(['UsageEvent', 'UsageTotals', 'UsageGroup', 'CostBreakdownLine']);
