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
  apiKey: 'ApiKey',
  usageEvent: 'UsageEvent',
  price: 'Price',
  budget: 'Budget',
  hold: 'Hold',
  event: 'Event',
  auditEntry: 'AuditEntry',
};

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
      description: 'The object with this id, of any type that has ids. Requires the scope that reading its type does.',
    },
    pageInfoTypeOptions: { description: 'The place of a page in its list.' },
    encodeGlobalID: (typename, id) => formatId(kindOf(typename), String(id)),
    decodeGlobalID: (id) => {
      const parsed = parseAnyId(id);
      const typename = parsed && NODE_TYPES[parsed.kind];
      if (!typename) throw new AppError('not_found', 'There is no object with this id.');
      return { typename, id: parsed.uuid };
    },
  },
});

builder.queryType({});
builder.mutationType({});
