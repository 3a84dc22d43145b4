import type { z } from '@hono/zod-openapi';
import { checkValue, refuseAsWritten } from './check-value.ts';

const TAG_PREFIX = 'tag.';
const LIST_PARAMETERS = new Set(['group_by']);

/**
 * The query of a request: `tag.KEY=value` gathered as `tags`, lists given as `a,b` or one by one.
 * @throws AppError invalid_request for an unknown parameter, one given twice, or a value its schema refuses
 */
export function readQuery<Query>(schema: z.ZodType<Query> | undefined, search: string): Query {
  if (search === '') return schema ? checkValue(schema, {}) : (undefined as Query);
  const values: Record<string, unknown> = {};
  const tags: { key: string; value: string }[] = [];
  for (const [name, value] of new URLSearchParams(search)) {
    if (!schema) throw refuseAsWritten([{ path: name, message: 'is not a known parameter' }]);
    if (name.startsWith(TAG_PREFIX) && name.length > TAG_PREFIX.length) {
      tags.push({ key: name.slice(TAG_PREFIX.length), value });
    } else if (LIST_PARAMETERS.has(name)) {
      const list = (values[name] as string[] | undefined) ?? [];
      values[name] = [...list, ...value.split(',')];
    } else if (Object.hasOwn(values, name)) throw refuseAsWritten([{ path: name, message: 'must be given once' }]);
    else values[name] = value;
  }
  if (tags.length > 0) values.tags = tags;
  if (!schema) return undefined as Query;
  return checkValue(schema, values);
}
