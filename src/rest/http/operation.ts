import type { TadaDocumentNode } from 'gql.tada';
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  getOperationAST,
  isObjectType,
  Kind,
  type SelectionSetNode,
  type VariableDefinitionNode,
} from 'graphql';
import { schema } from '../../graphql/schema.ts';
import { type CompiledOperation, compileOperation } from '../../graphql/server/execute.ts';
import { type Snake, snakeAliases } from './case.ts';

const CONNECTION = 'Connection';

/**
 * A typed GraphQL document of one root field, its answer in REST's spelling, compiled when first
 * used.
 */
export interface Operation<Result, Variables> {
  document: DocumentNode;
  compiled(): CompiledOperation;
  /** Never set: carries the types. */
  types?: (variables: Variables) => Result;
}

/** Root fields are null only where they failed, and REST answers the failure then. */
type Answered<Result> = { [Root in keyof Result]: NonNullable<Result[Root]> };

/** Makes an operation of a document. */
export function operation<Result, Variables>(
  document: TadaDocumentNode<Result, Variables>,
): Operation<Snake<Answered<Result>>, Variables> {
  const aliased = snakeAliases(document);
  let compiled: CompiledOperation | undefined;
  return {
    document: aliased,
    compiled() {
      compiled ??= compileOperation(aliased, { enumWords: true });
      return compiled;
    },
  };
}

/** What a document asks, as far as REST derives from it. */
export interface Question {
  variables: readonly VariableDefinitionNode[];
  /** Its one root field in the schema. */
  field: GraphQLField<unknown, unknown>;
  /** Whether it answers with a list in pages. */
  isList: boolean;
  /** What it answers with, or each item of the list, and what is asked of that. */
  type: GraphQLObjectType;
  set: SelectionSetNode;
}

function childOf(set: SelectionSetNode | undefined, name: string): SelectionSetNode | undefined {
  for (const node of set?.selections ?? []) {
    if (node.kind === Kind.FIELD && node.name.value === name) return node.selectionSet;
  }
  return undefined;
}

/**
 * @throws Error when the document does not ask one root field for an object, or for a connection of
 * them
 */
export function questionOf(document: DocumentNode): Question {
  const definition = getOperationAST(document);
  const [node, ...others] = definition?.selectionSet.selections ?? [];
  if (!definition || node?.kind !== Kind.FIELD || others.length > 0) throw new Error('a route asks one root field');
  const field = schema.getRootType(definition.operation)?.getFields()[node.name.value];
  if (!field) throw new Error(`there is no ${node.name.value}`);
  const { name } = getNamedType(field.type);
  const isList = name.endsWith(CONNECTION);
  const type = schema.getType(isList ? name.slice(0, -CONNECTION.length) : name);
  const set = isList ? childOf(childOf(node.selectionSet, 'edges'), 'node') : node.selectionSet;
  if (!isObjectType(type) || !set) throw new Error(`${field.name} answers with no object`);
  return { variables: definition.variableDefinitions ?? [], field, isList, type, set };
}

/** The fragments of a document by name. */
export function fragmentsOf(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  return new Map(
    document.definitions.flatMap((one) => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])),
  );
}
