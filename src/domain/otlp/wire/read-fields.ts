import { invalidField } from '../../../platform/errors.ts';
import { isObject } from '../../../platform/json/json.ts';

export type Fields = Readonly<Record<string, unknown>>;

function joinPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/**
 * Returns the object of that name; an empty one when it is missing.
 * @throws AppError invalid_request when the value is not an object
 */
export function readObject(fields: Fields, name: string, path: string): Fields {
  const value = fields[name] ?? {};
  if (!isObject(value)) throw invalidField(joinPath(path, name), 'must be an object');
  return value;
}

/**
 * Yields the objects of a list with their paths; none when the list is missing.
 * @throws AppError invalid_request when the value is not a list of objects
 */
export function* readList(fields: Fields, name: string, path: string): Generator<[Fields, string]> {
  const list = fields[name] ?? [];
  const listPath = joinPath(path, name);
  if (!Array.isArray(list)) throw invalidField(listPath, 'must be a list');
  for (const [index, item] of list.entries()) {
    const itemPath = `${listPath}.${index}`;
    if (!isObject(item)) throw invalidField(itemPath, 'must be an object');
    yield [item, itemPath];
  }
}
