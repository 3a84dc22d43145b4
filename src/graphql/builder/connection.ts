import { formatCursor, type Page } from '../../platform/page.ts';

/** A page as a Relay connection: the cursor of an edge is its item's key in the list. */
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
