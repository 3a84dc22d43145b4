import { invalidField } from './errors.ts';

export interface Page<T> {
  items: T[];
  hasMore: boolean;
}

export interface PageInput {
  first?: number | null;
  after?: string | null;
}

export const PAGE_LIMIT = { default: 20, max: 100 } as const;

/**
 * Returns the number of items on a page, 20 by default.
 * @throws AppError invalid_request unless `first` is from 1 to `max`
 */
export function readPageSize(first: number | null | undefined, max: number = PAGE_LIMIT.max): number {
  const size = first ?? PAGE_LIMIT.default;
  if (!Number.isInteger(size) || size < 1 || size > max)
    throw invalidField('first', `must be a whole number from 1 to ${max}`);
  return size;
}

const CURSOR = /^[A-Za-z0-9_-]+$/;

/** Makes a cursor, which is opaque to callers, from the key of the last item seen. */
export function formatCursor(list: string, key: string): string {
  return Buffer.from(`${list}:${key}`).toString('base64url');
}

/**
 * Returns the key in a cursor of this list; null without a cursor. The empty string is not a cursor.
 * @throws AppError invalid_request when the string is not such a cursor
 */
export function parseCursor(list: string, cursor: string): string;
export function parseCursor(list: string, cursor: string | null | undefined): string | null;
export function parseCursor(list: string, cursor: string | null | undefined): string | null {
  if (cursor === undefined || cursor === null) return null;
  const text = CURSOR.test(cursor) ? Buffer.from(cursor, 'base64url').toString() : '';
  if (!text.startsWith(`${list}:`) || text.includes('\0'))
    throw invalidField('after', 'must be a cursor that this list returned');
  return text.slice(list.length + 1);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Like {@link parseCursor}, for a list whose key is a UUID.
 * @throws AppError invalid_request when the string is not such a cursor
 */
export function parseUuidCursor(list: string, cursor: string): string;
export function parseUuidCursor(list: string, cursor: string | null | undefined): string | null;
export function parseUuidCursor(list: string, cursor: string | null | undefined): string | null {
  const key = parseCursor(list, cursor);
  if (key !== null && !UUID.test(key)) throw invalidField('after', 'must be a cursor that this list returned');
  return key;
}
