import { type GraphQLError, type Token, TokenKind } from 'graphql';

const OPENING = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L]);
const CLOSING = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R]);

/** The token before a value and all that its own brackets hold: `(`, `{` or `[` around it, or a colon. */
function findOpening(from: Token | null): Token | null {
  let depth = 0;
  for (let token = from; token; token = token.prev) {
    if (CLOSING.has(token.kind)) depth++;
    else if (OPENING.has(token.kind) && depth-- === 0) return token;
    else if (token.kind === TokenKind.PAREN_L && depth === 0) return null;
  }
  return null;
}

/**
 * The dotted path of arguments and fields to the literal that a scalar refused, such as
 * `input.scope.tags`; an empty string where the error is not about a literal. Places in lists are
 * left out.
 */
export function literalPath({ nodes, originalError }: GraphQLError): string {
  const [node] = nodes ?? [];
  if (originalError || !node?.kind.endsWith('Value') || !node.loc) return '';
  const names: string[] = [];
  let token = node.loc.startToken.prev;
  while (token) {
    const name = token.kind === TokenKind.COLON ? token.prev : null;
    if (name) names.unshift(name.value);
    token = findOpening(name ? name.prev : token)?.prev ?? null;
  }
  return names.join('.');
}
