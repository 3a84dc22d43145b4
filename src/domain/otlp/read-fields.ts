import { invalidField } from '../../platform/errors.ts';
import { isObject } from '../../platform/json.ts';

export type Fields = Readonly<Record<string, unknown>>;

function joinPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/**
 * The object of that name; missing is empty. @throws AppError `invalid_request` when it is anything
 * else
 */
export function readObject(fields: Fields, name: string, path: string): Fields {
  const value = fields[name] ?? {};
  if (!isObject(value)) throw invalidField(joinPath(path, name), 'must be an object');
  return value;
}

/**
 * The objects of a list with their paths; missing is empty. @throws AppError `invalid_request` for
 * anything else
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
