import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import type PrismaTypes from '../../../prisma/generated/pothos-types.ts';
import { getDatamodel } from '../../../prisma/generated/pothos-types.ts';
import type { Context } from '../../domain/context.ts';
import { AppError } from '../../platform/errors.ts';
import { formatId, type IdKind, parseAnyId } from '../../platform/ids.ts';

/** The GraphQL types that are nodes, by the kind of their id. */
const NODE_TYPES: Partial<Record<IdKind, string>> = {
  organization: 'Organization',
  team: 'Team',
  member: 'Member',
  invite: 'Invite',
  apiKey: 'ApiKey',
  usageEvent: 'UsageEvent',
  price: 'Price',
  budget: 'Budget',
  hold: 'Hold',
  modelAlias: 'ModelAlias',
  event: 'Event',
  webhook: 'Webhook',
  delivery: 'WebhookDelivery',
  job: 'Job',
  auditEntry: 'AuditEntry',
  anomalyMute: 'AnomalyMute',
};

/** What a well-formed id of a kind without a node is decoded to: `node` finds nothing for it. */
const NO_NODE = 'NoNode';

function isMissing(error: unknown): boolean {
  return error instanceof AppError && error.code === 'not_found';
}

/** @returns null where there is no such object, or the caller may not see it */
async function nullWhenMissing(node: unknown): Promise<unknown> {
  try {
    const found = await node;
    // Pothos hands on what a loader has thrown as a value.
    if (found instanceof Error) throw found;
    return found;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

const KINDS = new Map(Object.entries(NODE_TYPES).map(([kind, name]) => [name, kind as IdKind]));

function kindOf(typename: string): IdKind {
  const kind = KINDS.get(typename);
  if (!kind) throw new Error(`no kind of id is set for the type ${typename}: add it to NODE_TYPES`);
  return kind;
}

export interface SchemaTypes {
  PrismaTypes: PrismaTypes;
  Context: Context;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    Decimal: { Input: string; Output: string };
    SafeInt: { Input: number; Output: number };
    JSON: { Input: unknown; Output: unknown };
    Amount: { Input: string | number; Output: string | number };
  };
  DefaultFieldNullability: false;
}

/** The one Pothos builder. Each noun's types are in a file of its own; `schema.ts` joins them. */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => context.resources.database.prisma,
    dmmf: getDatamodel(),
    onUnusedQuery: null,
  },
  relay: {
    nodesQueryOptions: false,
    nodeTypeOptions: { description: 'An object that `node` finds by its id.' },
    nodeQueryOptions: {
      description:
        'The object with this id, of any type that has ids; null where there is none. Requires the scope that reading its ' +
        'type does.',
      resolve: (_root, { id }, _context, _info, resolveNode) =>
        id.typename === NO_NODE ? null : nullWhenMissing(resolveNode(id)),
    },
    pageInfoTypeOptions: { description: 'The place of a page in its list.' },
    encodeGlobalID: (typename, id) => formatId(kindOf(typename), String(id)),
    decodeGlobalID: (id) => {
      const parsed = parseAnyId(id);
      if (!parsed) throw new AppError('not_found', 'There is no object with this id.');
      return { typename: NODE_TYPES[parsed.kind] ?? NO_NODE, id: parsed.uuid };
    },
  },
});

builder.queryType({});
builder.mutationType({});
builder.subscriptionType({});
