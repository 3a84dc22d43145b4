import { type DocumentNode, isInputObjectType, isObjectType, Kind, visit } from 'graphql';
import { schema } from '../../graphql/schema.ts';
import { snakeName, snakeRecord } from '../../platform/snake-case.ts';

// The only place that knows the spellings of both doors.

export { snakeName, snakeRecord };

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
type SnakeText<T extends string> = T extends `${infer First}${infer Rest}`
  ? First extends Digit
    ? `_${First}${SnakeText<Rest>}`
    : First extends Lowercase<First>
      ? `${First}${SnakeText<Rest>}`
      : `_${Lowercase<First>}${SnakeText<Rest>}`
  : T;

/**
 * A GraphQL answer's type as REST spells it: names in snake_case, enums as words; JSON values stay
 * as they are.
 */
export type Snake<T> = T extends readonly (infer Item)[]
  ? Snake<Item>[]
  : T extends object
    ? { [K in keyof T as K extends string ? SnakeText<K> : never]: Snake<T[K]> }
    : T extends string
      ? string
      : T;

/** Below these names the spelling is the caller's own, his provider's, or that of OTLP. */
const FREE_HEADS = new Set([
  'tags',
  'usage',
  'metadata',
  'units',
  'tag',
  'resourceSpans',
  'resourceLogs',
  'resourceMetrics',
]);

/**
 * `events.3.inputTokens` -> `events.3.input_tokens`; what follows `tags.` or `usage.` is the
 * caller's own spelling.
 */
export function snakePath(path: string): string {
  const [head = '', ...rest] = path.split('.');
  if (FREE_HEADS.has(head)) return path;
  return [snakeName(head), ...(rest.length > 0 ? [snakePath(rest.join('.'))] : [])].join('.');
}

/**
 * Gives every field of a document its snake_case name as an alias, once, when a route is made: the
 * answer then comes out in REST's spelling by itself. Source locations are dropped: REST never
 * reports them, and a compiled operation would carry it to every field of every answer.
 */
export function snakeAliases(document: DocumentNode): DocumentNode {
  return visit(document, {
    Field({ loc: _, ...node }) {
      const name = snakeName(node.name.value);
      return node.alias || name === node.name.value ? node : { ...node, alias: { kind: Kind.NAME, value: name } };
    },
  });
}

/** Other words than GraphQL's: a page's, and one type of event instead of several. */
export const WORDS: ReadonlyMap<string, string> = new Map([
  ['first', 'limit'],
  ['after', 'cursor'],
  ['types', 'type'],
]);

/** The names of arguments and input fields that REST spells in another way. */
function respelledNames(): Map<string, string> {
  const names = new Map<string, string>();
  const add = ({ name }: { name: string }) => {
    const respelled = snakeName(name);
    if (respelled !== name) names.set(name, respelled);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    if (isInputObjectType(type)) Object.values(type.getFields()).forEach(add);
    else if (isObjectType(type)) for (const field of Object.values(type.getFields())) field.args.forEach(add);
  }
  return names;
}

const NAMES = respelledNames();
const NAME = new RegExp(`\\b(${[...NAMES.keys()].join('|')})\\b`, 'g');
/** How graphql-js begins its refusal of a variable, up to what is wrong. */
const VARIABLE = /^Variable "\$[^"]*" (?:got invalid value [\s\S]*?(?: at "[^"]*")?; |of )/;

/**
 * What REST says of a field, from what the domain or GraphQL says of it: names in snake_case, and
 * no words of GraphQL's own.
 */
export function respellMessage(message: string): string {
  return message.replace(VARIABLE, '').replace(NAME, (name) => NAMES.get(name) ?? name);
}
