import {
  type ASTVisitor,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';

/** How deep and how large an operation may be. Introspection, as GraphiQL asks it, fits. */
export const QUERY_LIMITS = {
  depth: 16,
  /**
   * Fields selected, fragments counted where they are used, each times the `first` of the lists
   * around it.
   */
  cost: 50_000,
  /** Characters of the parser's input are limited by the body; tokens by this. */
  tokens: 10_000,
} as const;

interface Measure {
  depth: number;
  cost: number;
}

function pageSize(field: FieldNode): number {
  for (const { name, value } of field.arguments ?? []) {
    if (name.value === 'first' || name.value === 'limit') {
      // A variable may hold anything: counted as the largest page of most lists.
      return value.kind === Kind.INT ? Math.max(1, Number(value.value)) : 100;
    }
  }
  return 1;
}

function measure(
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  seen: string[],
): Measure {
  const total: Measure = { depth: 0, cost: 0 };
  for (const selection of set.selections) {
    let inner: Measure = { depth: 0, cost: 0 };
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const name = selection.name.value;
      const fragment = fragments.get(name);
      // A fragment inside itself is another rule's to refuse.
      if (fragment && !seen.includes(name)) inner = measure(fragment.selectionSet, fragments, [...seen, name]);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) inner = measure(selection.selectionSet, fragments, seen);
    else {
      const below = selection.selectionSet ? measure(selection.selectionSet, fragments, seen) : { depth: 0, cost: 0 };
      inner = { depth: below.depth + 1, cost: 1 + below.cost * pageSize(selection) };
    }
    total.depth = Math.max(total.depth, inner.depth);
    total.cost += inner.cost;
    if (total.cost > QUERY_LIMITS.cost || total.depth > QUERY_LIMITS.depth) return total;
  }
  return total;
}

/** A validation rule: refuses operations that are too deep, or select too much at once. */
export function queryLimitsRule(context: ValidationContext): ASTVisitor {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of context.getDocument().definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return {
    OperationDefinition(node) {
      const { depth, cost } = measure(node.selectionSet, fragments, []);
      if (depth > QUERY_LIMITS.depth) {
        context.reportError(
          new GraphQLError(`The operation is deeper than ${QUERY_LIMITS.depth} levels.`, { nodes: node }),
        );
      }
      if (cost > QUERY_LIMITS.cost) {
        context.reportError(
          new GraphQLError(`The operation asks for more than ${QUERY_LIMITS.cost} fields.`, { nodes: node }),
        );
      }
    },
  };
}
