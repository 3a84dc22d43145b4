import { invalidField } from './errors.ts';

/** One page of a list, newest or first things first. */
export interface Page<T> {
  items: T[];
  hasMore: boolean;
}

export interface PageInput {
  first?: number | null;
  after?: string | null;
}

export const PAGE_LIMIT = { default: 20, max: 100 } as const;

/** The size of a page. @throws AppError invalid_request outside 1 to `max` */
export function readPageSize(first: number | null | undefined, max: number = PAGE_LIMIT.max): number {
  const size = first ?? PAGE_LIMIT.default;
  if (!Number.isInteger(size) || size < 1 || size > max) throw invalidField('first', `must be from 1 to ${max}`);
  return size;
}

const CURSOR = /^[A-Za-z0-9_-]+$/;

/**
 * A cursor is opaque to callers: a tag that says what list it is of, and the key of the last item
 * seen.
 */
export function formatCursor(list: string, key: string): string {
  return Buffer.from(`${list}:${key}`).toString('base64url');
}

/** The key inside a cursor of this list. @throws AppError invalid_request when it is not one */
export function parseCursor(list: string, cursor: string): string {
  const text = CURSOR.test(cursor) ? Buffer.from(cursor, 'base64url').toString() : '';
  if (!text.startsWith(`${list}:`) || text.includes('\0')) throw invalidField('after', 'is not a cursor of this list');
  return text.slice(list.length + 1);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The same for a list whose key is a UUID. @throws AppError invalid_request */
export function parseUuidCursor(list: string, cursor: string): string {
  const key = parseCursor(list, cursor);
  if (!UUID.test(key)) throw invalidField('after', 'is not a cursor of this list');
  return key;
}
