import type { DocumentNode, GraphQLError } from 'graphql';
import { schema } from '../schema.ts';
import { parseOperation, validateOperation } from './query-limits.ts';

/** Documents that are remembered, and the longest text of one. */
const MAX_DOCUMENTS = 500;
const MAX_TEXT_CHARACTERS = 10_000;

/** Valid documents by their text: what many subscribers ask is parsed once, and held once. */
export interface KnownDocuments {
  /** @throws GraphQLError where the text is no document */
  read(text: string): { document: DocumentNode } | { errors: readonly GraphQLError[] };
}

export function createKnownDocuments(): KnownDocuments {
  const known = new Map<string, DocumentNode>();
  return {
    read(text) {
      const found = known.get(text);
      if (found) {
        // The one that was not asked for longest goes first.
        known.delete(text);
        known.set(text, found);
        return { document: found };
      }
      const document = parseOperation(text);
      const errors = validateOperation(schema, document);
      if (errors.length > 0) return { errors };
      if (text.length > MAX_TEXT_CHARACTERS) return { document };
      known.set(text, document);
      if (known.size > MAX_DOCUMENTS) {
        const [oldest] = known.keys();
        if (oldest !== undefined) known.delete(oldest);
      }
      return { document };
    },
  };
}
