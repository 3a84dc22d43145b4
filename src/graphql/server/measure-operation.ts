import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { PAGE_LIMIT } from '../../platform/page.ts';

type Variables = Readonly<Record<string, unknown>>;

export interface Measure {
  /** Fields inside fields. */
  depth: number;
  /** Fields selected, times the sizes of the pages around them, and what each read weighs. */
  cost: number;
  /** What reads weigh that are made once for all items of the nearest page around them. */
  batched: number;
}

const NOTHING: Measure = { depth: 0, cost: 0, batched: 0 };

/** A row is read, checked and written before any field of it is. */
const ROW_COST = 5;
/** Root fields that sum over the ledger: at most 25 of them fit an operation. */
const ROOT_COSTS = new Map([
  ['usage', 2_000],
  ['costs', 2_000],
  // Its budgets have series of their own, each with a sum and a model.
  ['costForecast', 20_000],
]);
/** Fields below the root that sum over the ledger, once for all items of a page, by their type. */
const BATCHED_SUMS = new Map([
  ['OwnerCosts', 2_000],
  ['CostTrendPoint', 2_000],
]);
/** Fields that are lists without an argument that says how long. */
const LIST_SIZES = new Map([['CostTrendPoint', 31]]);
/** Sums by the hour make up to 10,000 intervals each. */
const HOURLY_COST = 5_000;
/** Groups, where a caller names no `limit`. */
const DEFAULT_LIMIT = 100;
/** More than any page may have: keeps sums of costs finite. */
const MAX_PAGE = 1_000_000;
/** Root fields that cost the plan nothing: they ask the ledger for nothing. */
const FREE_ROOTS = new Set(['me', '__typename', '__schema', '__type']);

/**
 * Measures the operations of one document, each fragment once. Nothing here is deeper than the text
 * nests and its chain of fragments is long.
 */
export class OperationMeasurer {
  /** Whether a fragment is inside itself: then no measure means anything. */
  isCyclic = false;
  /** Whether a variable says how much is read, so that each request has a cost of its own. */
  hasVariablePages = false;
  /**
   * Fields that a set selects again under the same name, and spreads of fragments: GraphQL's rule of
   * overlapping fields compares each with each.
   */
  overlaps = 0;
  readonly #schema: GraphQLSchema;
  readonly #document: DocumentNode;
  readonly #variables: Variables;
  readonly #defaults = new Map<string, unknown>();
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  /** Null: being measured. */
  readonly #measured = new Map<string, Measure | null>();

  constructor(schema: GraphQLSchema, document: DocumentNode, variables: Variables = {}) {
    this.#schema = schema;
    this.#document = document;
    this.#variables = variables;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  /** Measures every fragment, used or not, and says whether one is inside itself. */
  findCycle(): boolean {
    for (const name of this.#fragments.keys()) this.#measureFragment(name);
    return this.isCyclic;
  }

  measure(operation: OperationDefinitionNode): Measure {
    for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
      if (defaultValue?.kind === Kind.INT) this.#defaults.set(variable.name.value, Number(defaultValue.value));
      else if (defaultValue?.kind === Kind.ENUM) this.#defaults.set(variable.name.value, defaultValue.value);
    }
    const { cost, batched, ...measure } = this.#measureSet(
      operation.selectionSet,
      this.#schema.getRootType(operation.operation),
    );
    return { ...measure, cost: cost + batched, batched: 0 };
  }

  /** The requests that an operation counts as: its root fields by alias, the free ones not. */
  countRequests(operation: OperationDefinitionNode): number {
    const names = new Set<string>();
    const visited = new Set<string>();
    const collect = (set: SelectionSetNode) => {
      for (const selection of set.selections) {
        if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet);
        else if (selection.kind === Kind.FIELD) {
          if (!FREE_ROOTS.has(selection.name.value)) names.add(selection.alias?.value ?? selection.name.value);
        } else if (!visited.has(selection.name.value)) {
          visited.add(selection.name.value);
          const fragment = this.#fragments.get(selection.name.value);
          if (fragment) collect(fragment.selectionSet);
        }
      }
    };
    collect(operation.selectionSet);
    return Math.max(1, names.size);
  }

  /** Of the document. Null when there is none of that name, or no single one. */
  findOperation(name: string | null | undefined): OperationDefinitionNode | null {
    const operations = this.#document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
    if (name === null || name === undefined) return operations.length === 1 ? (operations[0] ?? null) : null;
    return operations.find((one) => one.name?.value === name) ?? null;
  }

  #measureFragment(name: string): Measure {
    const known = this.#measured.get(name);
    if (known) return known;
    const fragment = this.#fragments.get(name);
    if (known === null) this.isCyclic = true;
    if (known === null || !fragment) return NOTHING;
    this.#measured.set(name, null);
    const type = this.#schema.getType(fragment.typeCondition.name.value);
    const measured = this.#measureSet(fragment.selectionSet, type);
    this.#measured.set(name, measured);
    return measured;
  }

  #measureSet(set: SelectionSetNode, type: GraphQLNamedType | null | undefined): Measure {
    const total: Measure = { ...NOTHING };
    const names = new Set<string>();
    for (const selection of set.selections) {
      let inner: Measure;
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        this.overlaps++;
        inner = this.#measureFragment(selection.name.value);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const { typeCondition } = selection;
        const named = typeCondition ? this.#schema.getType(typeCondition.name.value) : type;
        inner = this.#measureSet(selection.selectionSet, named);
      } else {
        const name = selection.alias?.value ?? selection.name.value;
        if (names.has(name)) this.overlaps++;
        names.add(name);
        inner = this.#measureField(selection, type);
      }
      total.depth = Math.max(total.depth, inner.depth);
      total.cost += inner.cost;
      total.batched += inner.batched;
    }
    return total;
  }

  #measureField(field: FieldNode, parent: GraphQLNamedType | null | undefined): Measure {
    const hasFields = isObjectType(parent) || isInterfaceType(parent);
    const definition = hasFields ? parent.getFields()[field.name.value] : undefined;
    const type = definition && getNamedType(definition.type);
    const below = field.selectionSet ? this.#measureSet(field.selectionSet, type) : NOTHING;
    const isRoot = parent !== undefined && parent === this.#schema.getQueryType();
    const own = 1 + (isRoot ? (ROOT_COSTS.get(field.name.value) ?? 0) + this.#hourlyCost(field) : 0);
    const sums = isRoot || !type ? 0 : (BATCHED_SUMS.get(type.name) ?? 0);
    const batched = below.batched + sums + (sums > 0 ? this.#hourlyCost(field) : 0);
    const depth = below.depth + 1;
    const takes = (name: string) => definition?.args.some((one) => one.name === name);
    if (takes('first')) {
      const rows = (below.cost + ROW_COST) * this.#pageSize(field, 'first', PAGE_LIMIT.default);
      return { depth, cost: own + rows + batched, batched: 0 };
    }
    if (takes('limit')) {
      const rows = below.cost * this.#pageSize(field, 'limit', DEFAULT_LIMIT);
      return { depth, cost: own + rows + batched, batched: 0 };
    }
    return { depth, cost: own + below.cost * (LIST_SIZES.get(type?.name ?? '') ?? 1), batched };
  }

  #hourlyCost(field: FieldNode): number {
    const value = field.arguments?.find(({ name }) => name.value === 'interval')?.value;
    const isHourly =
      value?.kind === Kind.VARIABLE
        ? this.#valueOf(value.name.value) === 'HOUR'
        : value?.kind === Kind.ENUM && value.value === 'HOUR';
    return isHourly ? HOURLY_COST : 0;
  }

  #valueOf(variable: string): unknown {
    this.hasVariablePages = true;
    return Object.hasOwn(this.#variables, variable) ? this.#variables[variable] : this.#defaults.get(variable);
  }

  #pageSize(field: FieldNode, argument: string, none: number): number {
    const value = field.arguments?.find(({ name }) => name.value === argument)?.value;
    let size: unknown = none;
    if (value?.kind === Kind.INT) size = Number(value.value);
    else if (value?.kind === Kind.VARIABLE) size = this.#valueOf(value.name.value) ?? none;
    return typeof size === 'number' ? Math.min(MAX_PAGE, Math.max(1, size)) : none;
  }
}
