import type { ObjectKind } from './objects.ts';

export interface RestRequest {
  door: 'rest';
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface GraphQLRequest {
  door: 'graphql';
  query: string;
  variables: Record<string, unknown>;
}

/** What is sent, in the form of its door. */
export type WallRequest = RestRequest | GraphQLRequest;

/** What one argument that takes an id is asked with, all else being right. */
export interface Question {
  /** `mutation createBudget`, `POST /v1/budgets`. */
  operation: string;
  /** Where the id stands: `input.scope.teamId`; null: the operation takes no id, and is asked as it is. */
  argument: string | null;
  /** The place of the argument in the schema, `BudgetScopeInput.teamId` or `POST /v1/budgets scope.team_id`. */
  coordinate: string | null;
  /** What the id may identify; `cursor`: a place in the operation's own list. */
  kinds: readonly ObjectKind[] | 'cursor';
  /** Kinds of other ids that the request has: they are the caller's own. */
  needs: ReadonlySet<ObjectKind>;
  /** The field of Query that lists what a cursor stands in; null: the operation itself. */
  listedBy: string | null;
  isOperators: boolean;
  ask(own: ReadonlyMap<ObjectKind, string>, id: string | null): WallRequest;
}

/** An operation and its argument, as messages have them. */
export function nameOf({ operation, argument }: Question): string {
  return argument ? `${operation} ${argument}` : operation;
}

type Fields = Record<string, unknown>;

/** What stands at `input.events[].teamId`. */
export function valueAt(value: unknown, [head, ...rest]: readonly string[]): unknown {
  if (head === undefined) return value;
  if (head === '[]') return valueAt(Array.isArray(value) ? value[0] : undefined, rest);
  const fields: Fields = Object(value);
  return Object.hasOwn(fields, head) ? valueAt(fields[head], rest) : undefined;
}

/** The same with something else there; what is missing above it is made. */
export function withValueAt(value: unknown, [head, ...rest]: readonly string[], set: unknown): unknown {
  if (head === undefined) return set;
  if (head === '[]') return [withValueAt(Array.isArray(value) ? value[0] : undefined, rest, set)];
  const fields: Fields = Object(value);
  return { ...fields, [head]: withValueAt(fields[head], rest, set) };
}

/** Arguments that identify something of another kind than their name says. */
const NAMED: ReadonlyMap<string, readonly ObjectKind[]> = new Map([
  ['since', ['event']],
  ['after', ['event']],
  ['actor', ['apiKey', 'member']],
  ['target', ['team', 'budget']],
  ['eventId', ['eventId']],
  ['event_id', ['eventId']],
  ['RecordUsageInput.id', ['eventId']],
  ['Subscription.jobProgress.id', ['job']],
  ['responseId', ['responseId']],
  ['response_id', ['responseId']],
]);
/** The caller's own words, which identify nothing of ours. */
const FREE = new Set(['userId', 'user_id', 'requestId', 'request_id']);
const ID_NAME = /(?:^i|I|_i)ds?$/;

/**
 * What an argument that may take an id identifies; null: it takes none.
 * @param isId whether its type says so
 * @param example what a right request has there
 * @throws Error where it takes an id of a kind that cannot be told
 */
export function kindsOf(
  { name, typeName, isId, example }: { name: string; typeName: string; isId: boolean; example: unknown },
  kindOfPrefix: (prefix: string) => ObjectKind,
): readonly ObjectKind[] | null {
  if (FREE.has(name)) return null;
  const named = NAMED.get(`${typeName}.${name}`) ?? NAMED.get(name);
  if (named) return named;
  if (!isId && !ID_NAME.test(name)) return null;
  const [, prefix] = /^([a-z]+)_[0-9a-z]{26}$/.exec(String(example)) ?? [];
  if (prefix) return [kindOfPrefix(prefix)];
  const [, kind] = /^(\w+?)_?(?:Ids?|ids?)$/.exec(name) ?? [];
  if (kind) return [kind.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()) as ObjectKind];
  throw new Error(
    `The wall does not know what ${typeName}.${name} identifies: give its operation an id of that kind in ` +
      'test/harness/operations.ts, or name it in test/wall/questions.ts.',
  );
}
