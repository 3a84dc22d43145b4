import { formatCursor, type Page } from '../../platform/page.ts';

// REST shows these as `limit` and `cursor`, so they must be right there, too.

export const PAGE_SIZE_DESCRIPTION = 'Maximum number of items on the page: 1 to 100, default 20.';
export const CURSOR_DESCRIPTION = 'Cursor that the previous page returned; this page continues after it.';

/**
 * Makes a Relay connection of a page. The cursor of an edge contains the name of the list and the
 * key of its item there.
 */
export function toConnection<T>(
  list: string,
  page: Page<T>,
  keyOf: (item: T) => string,
  after: string | null | undefined,
) {
  const edges = page.items.map((node) => ({ node, cursor: formatCursor(list, keyOf(node)) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: page.hasMore,
      hasPreviousPage: Boolean(after),
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
