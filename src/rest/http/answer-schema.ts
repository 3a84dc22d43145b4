import { z } from '@hono/zod-openapi';
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNullableType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { schema } from '../../graphql/schema.ts';
import { ANSWER_LEAVES, GROUP, NEVER_NULL, ownLeaf, SIGNED } from './answer-leaves.ts';
import { snakeName } from './case.ts';
import { describeField, respellDescription } from './describe-field.ts';
import { wordsOf } from './enums.ts';
import { fragmentsOf, questionOf } from './operation.ts';
import { count, oneOf, signedCount } from './schemas.ts';

// Answers are documented by schemas that are derived from what a document asks. Nothing is checked
// with them.

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** Where a value stands: a field of a type, and what of it is asked. */
interface Place {
  parent: string;
  field: string;
  set: SelectionSetNode | undefined;
  fragments: Fragments;
}

function leafSchema({ parent, field }: Place, type: GraphQLOutputType): z.ZodType {
  const leaf = ANSWER_LEAVES[String(type)];
  if (!leaf) throw new Error(`REST does not know the type of ${parent}.${field}`);
  return leaf === count && SIGNED.has(parent) ? signedCount : leaf;
}

function presentSchema(type: GraphQLOutputType, place: Place): z.ZodType {
  const own = ownLeaf(place.parent, place.field);
  if (own) return own;
  if (String(type) === '[UsageGroupValue!]') return GROUP;
  if (isListType(type)) return z.array(valueSchema(type.ofType, place));
  if (isEnumType(type)) return oneOf(wordsOf(type));
  if (isObjectType(type) && place.set) return objectSchema(type, place.set, place.fragments);
  return leafSchema(place, type);
}

function valueSchema(type: GraphQLOutputType, place: Place): z.ZodType {
  if (isNonNullType(type)) return presentSchema(type.ofType, place);
  const present = presentSchema(type, place);
  return NEVER_NULL.has(`${place.parent}.${place.field}`) ? present : present.nullable();
}

/** The fields of a selection by their names in REST, those of fragments in place. */
function shapeOf(type: GraphQLObjectType, set: SelectionSetNode, fragments: Fragments): [string, z.ZodType][] {
  return set.selections.flatMap((node): [string, z.ZodType][] => {
    const fragment = node.kind === Kind.FRAGMENT_SPREAD && fragments.get(node.name.value);
    if (fragment) return shapeOf(type, fragment.selectionSet, fragments);
    const field = node.kind === Kind.FIELD ? type.getFields()[node.name.value] : undefined;
    if (!field || node.kind !== Kind.FIELD) throw new Error(`REST cannot tell what is asked of ${type.name}`);
    const value = valueSchema(field.type, { parent: type.name, field: field.name, set: node.selectionSet, fragments });
    // A component says itself what it is.
    const isComponent = isObjectType(getNullableType(field.type)) && !ownLeaf(type.name, field.name);
    return [[node.alias?.value ?? snakeName(field.name), isComponent ? value : describeField(value, type.name, field)]];
  });
}

/** The components so far: a type that is answered in two forms needs two names. */
const components = new Map<string, { form: string; schema: z.ZodObject }>();

function objectSchema(type: GraphQLObjectType, set: SelectionSetNode, fragments: Fragments, name = type.name) {
  const shape = shapeOf(type, set, fragments);
  const form = shape.map(([key]) => key).join(' ');
  const known = components.get(name);
  if (known && known.form !== form) throw new Error(`the component ${name} is answered in two forms`);
  if (known) return known.schema;
  const said = type.description ? { description: respellDescription(type.description) } : {};
  const made = z.object(Object.fromEntries(shape)).openapi(name, said);
  components.set(name, { form, schema: made });
  return made;
}

/**
 * What a route answers that answers with what its document asks. @param name the component's, if
 * not the type's
 */
export function answerSchema(document: DocumentNode, name?: string): z.ZodType {
  const { type, set, isList } = questionOf(document);
  const answer = objectSchema(type, set, fragmentsOf(document), name);
  if (!isList) return answer;
  const next = z.string().nullable().openapi({ description: 'Give it as `cursor` for the next page.' });
  const list = z.object({ data: z.array(answer), has_more: z.boolean(), next_cursor: next });
  return list.openapi(`${type.name}List`);
}

/** The same of a fragment, the first of its document. */
export function fragmentSchema(document: DocumentNode, name?: string): z.ZodObject {
  const fragments = fragmentsOf(document);
  const [fragment] = fragments.values();
  const type = fragment && schema.getType(fragment.typeCondition.name.value);
  if (!fragment || !isObjectType(type)) throw new Error('there is no fragment');
  return objectSchema(type, fragment.selectionSet, fragments, name);
}
