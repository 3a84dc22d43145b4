import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isCompositeType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
} from 'graphql';
import { schema } from '../../src/graphql/schema.ts';
import { OPERATIONS } from '../harness/operations.ts';
import { kindOfPrefix, type ObjectKind, TYPE_ID } from './objects.ts';
import { kindsOf, type Question, valueAt, withValueAt } from './questions.ts';

type Variables = Record<string, unknown>;
type Field = GraphQLField<unknown, unknown>;

interface IdArgument {
  path: readonly string[];
  coordinate: string;
  kinds: readonly ObjectKind[] | 'cursor';
}

const CURSOR = 'after';
const SELECTED_DEPTH = 5;
/** Types whose fields are asked for though they take arguments, none of them an id. */
const WITH_ARGUMENTS = new Set(['OwnerCosts', 'CostTrendPoint']);

/** Every leaf that a type has, and those of the objects in it: whatever may leak is asked for. */
function selectionOf(type: GraphQLOutputType, above: readonly string[] = []): string {
  const named = getNamedType(type);
  if (!isCompositeType(named)) return '';
  if (!isObjectType(named) && !isInterfaceType(named)) return '{ __typename }';
  const fields = Object.values(named.getFields()).flatMap((field) => {
    const inner = getNamedType(field.type);
    if (field.args.some(isRequiredArgument)) return [];
    if (!isCompositeType(inner)) return [field.name];
    const isAsked = field.args.length === 0 || WITH_ARGUMENTS.has(inner.name);
    const isDeep = above.length >= SELECTED_DEPTH || above.includes(inner.name) || !isAsked;
    return isDeep ? [] : [`${field.name} ${selectionOf(field.type, [...above, named.name])}`];
  });
  return `{ __typename ${fields.join(' ')} }`;
}

/** Nodes that are not named as the kind of their id. */
const NODE_KINDS: ReadonlyMap<string, ObjectKind> = new Map([['WebhookDelivery', 'delivery']]);

function nodeKind({ name }: GraphQLObjectType): ObjectKind {
  return NODE_KINDS.get(name) ?? (`${name[0]?.toLowerCase()}${name.slice(1)}` as ObjectKind);
}

/** The kinds of all types that `node` finds. */
export const NODE_TYPE_KINDS: readonly ObjectKind[] = schema
  .getPossibleTypes(schema.getType('Node') as never)
  .map(nodeKind);

/** The arguments of a field that take an id, those inside of inputs and lists too. */
function idArguments(owner: string, field: Field, base: Variables): IdArgument[] {
  const found: IdArgument[] = [];
  const visit = (one: { name: string; type: GraphQLInputType }, typeName: string, path: readonly string[]) => {
    const walk = (type: GraphQLInputType, at: readonly string[]): void => {
      if (isNonNullType(type) || isListType(type)) {
        walk(type.ofType, isListType(type) ? [...at, '[]'] : at);
        return;
      }
      const coordinate = `${typeName}.${one.name}`;
      if (isInputObjectType(type)) {
        for (const inner of Object.values(type.getFields())) visit(inner, type.name, [...at, inner.name]);
        return;
      }
      const isId = String(type) === 'ID';
      const special = one.name === CURSOR && !isId ? 'cursor' : field.name === 'node' && isId ? NODE_TYPE_KINDS : null;
      const kinds = special ?? kindsOf({ name: one.name, typeName, isId, example: valueAt(base, at) }, kindOfPrefix);
      if (kinds) found.push({ path: at, coordinate, kinds });
    };
    walk(one.type, path);
  };
  for (const argument of field.args) visit(argument, `${owner}.${field.name}`, [argument.name]);
  return found;
}

function withOwn(base: Variables, own: ReadonlyMap<ObjectKind, string>): Variables {
  const text = JSON.stringify(base).replace(TYPE_ID, (id, prefix: string) => own.get(kindOfPrefix(prefix)) ?? id);
  return JSON.parse(text);
}

function needsOf(base: unknown): Set<ObjectKind> {
  return new Set([...JSON.stringify(base).matchAll(TYPE_ID)].map(([, prefix = '']) => kindOfPrefix(prefix)));
}

function questionsOfField(root: GraphQLObjectType, kind: string, field: Field): Question[] {
  const row = OPERATIONS.find((one) => one.field === field.name && one.kind === kind);
  const base: Variables = { ...row?.graphql.variables };
  const selection = selectionOf(field.type);
  const document = (names: readonly string[]) => {
    const declared = names.map((name) => `$${name}: ${field.args.find((one) => one.name === name)?.type}`);
    const passed = names.map((name) => `${name}: $${name}`);
    const list = (all: readonly string[]) => (all.length > 0 ? `(${all.join(', ')})` : '');
    return `${kind} Ask${list(declared)} { ${field.name}${list(passed)} ${selection} }`;
  };
  const question = (argument: IdArgument | null): Question => ({
    operation: `${kind} ${field.name}`,
    argument: argument?.path.join('.') ?? null,
    coordinate: argument?.coordinate ?? null,
    kinds: argument?.kinds ?? [],
    needs: needsOf(argument ? withValueAt(base, argument.path, '') : base),
    listedBy: null,
    isOperators: row?.scope === 'operator',
    ask(own, id) {
      const mine = withOwn(base, own);
      const variables = (argument && id !== null ? withValueAt(mine, argument.path, id) : mine) as Variables;
      return { door: 'graphql', query: document(Object.keys(variables)), variables };
    },
  });
  const found = idArguments(root.name, field, base);
  return found.length > 0 ? found.map(question) : [question(null)];
}

/** Arguments of fields below the root: asked through `node`, of a node of the caller. */
function questionsOfType(type: GraphQLObjectType): Question[] {
  return Object.values(type.getFields()).flatMap((field) =>
    idArguments(type.name, field, {}).map(({ path, coordinate, kinds }): Question => {
      const kind = nodeKind(type);
      const [name = ''] = path;
      if (path.length > 1) throw new Error(`The wall cannot ask ${coordinate}: it is inside of an input.`);
      const argument = field.args.find((one) => one.name === name);
      const document = (has: boolean) =>
        `query Ask($node: ID!${has ? `, $id: ${argument?.type}` : ''}) { node(id: $node) { ... on ${type.name} {
          ${field.name}${has ? `(${name}: $id)` : ''} ${selectionOf(field.type)} } } }`;
      return {
        operation: `${type.name}.${field.name}`,
        argument: name,
        coordinate,
        kinds,
        needs: new Set([kind]),
        listedBy: null,
        isOperators: false,
        ask: (own, id) => ({
          door: 'graphql',
          query: document(id !== null),
          variables: { node: own.get(kind), ...(id === null ? {} : { id }) },
        }),
      };
    }),
  );
}

const roots = [
  ['query', schema.getQueryType()],
  ['mutation', schema.getMutationType()],
  ['subscription', schema.getSubscriptionType()],
] as const;

/** The fields of the roots, by which coverage is told. */
export const ROOT_FIELDS: readonly string[] = roots.flatMap(([kind, root]) =>
  Object.keys(root?.getFields() ?? {}).map((name) => `${kind} ${name}`),
);

/** Where the schema has arguments and input fields of the type ID: all of them, asked or not. */
export function idCoordinates(): string[] {
  return Object.values(schema.getTypeMap()).flatMap((type) => {
    if (type.name.startsWith('__')) return [];
    const isId = (one: { type: GraphQLInputType; name: string }) => String(getNamedType(one.type)) === 'ID';
    if (isInputObjectType(type))
      return Object.values(type.getFields())
        .filter(isId)
        .map(({ name }) => `${type.name}.${name}`);
    if (!isObjectType(type)) return [];
    return Object.values(type.getFields()).flatMap((field) =>
      field.args
        .filter((one) => isId(one) || one.name === CURSOR)
        .map(({ name }) => `${type.name}.${field.name}.${name}`),
    );
  });
}

const below = Object.values(schema.getTypeMap()).filter(
  (type): type is GraphQLObjectType =>
    isObjectType(type) && !type.name.startsWith('__') && !roots.some(([, root]) => root === type),
);

/** Every question of GraphQL. */
export const GRAPHQL_QUESTIONS: readonly Question[] = [
  ...roots.flatMap(([kind, root]) =>
    Object.values(root?.getFields() ?? {}).flatMap((field) => (root ? questionsOfField(root, kind, field) : [])),
  ),
  ...below.flatMap(questionsOfType),
];
