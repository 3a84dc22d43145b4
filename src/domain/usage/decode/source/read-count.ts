import type { FieldProblem } from '../../../../platform/errors.ts';
import { isObject } from '../../../../platform/json/json.ts';
import { COUNT_MESSAGE } from '../../../input/event-count.ts';

/** More problems or warnings of one answer help nobody, and would be stored. */
export const MAX_REMARKS = 20;

export type Fields = Readonly<Record<string, unknown>>;

/** A usage object in what the caller sent. */
export interface FoundUsage {
  fields: Fields;
  /** Where `fields` stands in the request, e.g. `usage.response.usage`. */
  path: string;
  /** The response body around it, or null when the usage object came alone. */
  body: Fields | null;
  warnings: string[];
  /** Whether it is a line of a provider's batch, which is charged by another price. */
  isBatch?: boolean;
}

/** A usage object being read, and what was found wrong with it so far. */
export interface Source extends FoundUsage {
  /**
   * The provider as the caller names it, in lower-case letters and digits only (`x-ai` is `xai`).
   */
  provider: string;
  /** The model that was asked for, as the caller names it; null where he leaves it to the answer. */
  model: string | null;
  problems: FieldProblem[];
}

/**
 * One count and where it was read; `given` is false, and the value 0, when the field is missing or
 * null.
 */
export interface FoundCount {
  value: number;
  path: string;
  given: boolean;
}

/** The value as an object with fields, or null for everything else (arrays too). */
export function toFields(value: unknown): Fields | null {
  return isObject(value) ? value : null;
}

/** The value, or null when it is not a string or is empty. */
export function toText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Whether any of these fields is there and not null. */
export function hasAny(fields: Fields, ...names: string[]): boolean {
  return names.some((name) => fields[name] !== undefined && fields[name] !== null);
}

/**
 * Reads a count that a provider may write under several names (dotted for nested ones). They are
 * synonyms, so they are never summed: the largest is taken, and a disagreement is a warning. A bad
 * value becomes a problem and reads as 0.
 */
export function readCount(source: Source, ...names: string[]): FoundCount {
  let found: FoundCount | null = null;
  for (const name of names) {
    const count = readOne(source, name);
    if (!count) continue;
    if (found && found.value !== count.value) {
      source.warnings.push(`${found.path} is ${found.value} but ${count.path} is ${count.value}; the larger was taken`);
    }
    if (!found || count.value > found.value) found = count;
  }
  return found ?? { value: 0, path: `${source.path}.${names[0]}`, given: false };
}

function readOne(source: Source, name: string): FoundCount | null {
  const value = name.includes('.') ? readNested(source, name) : source.fields[name];
  if (value === undefined || value === null) return null;
  const path = `${source.path}.${name}`;
  // A provider's own total may be above what one count of an event may be; `toCounts` checks those.
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
    return { value: value + 0, path, given: true };
  }
  addProblem(source, path, COUNT_MESSAGE);
  return { value: 0, path, given: true };
}

function readNested(source: Source, name: string): unknown {
  let fields = source.fields;
  let from = 0;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', from)) {
    const inner = fields[name.slice(from, dot)];
    if (inner === undefined || inner === null) return null;
    const next = toFields(inner);
    if (!next) {
      addProblem(source, `${source.path}.${name.slice(0, dot)}`, 'must be an object');
      return null;
    }
    fields = next;
    from = dot + 1;
  }
  return fields[name.slice(from)];
}

/** As `readCount`; a missing value is a problem. */
export function requireCount(source: Source, ...names: string[]): FoundCount {
  const count = readCount(source, ...names);
  if (!count.given) addProblem(source, count.path, 'is missing');
  return count;
}

/** Sums the `count` field of the items of a list field (`cacheDetails`) that the filter takes. */
export function sumCounts(source: Source, list: string, field: string, takes: (item: Fields) => boolean): FoundCount {
  const items: unknown = source.fields[list];
  const sum: FoundCount = { value: 0, path: `${source.path}.${list}`, given: false };
  if (!Array.isArray(items)) return sum;
  for (const [index, item] of items.entries()) {
    const fields = toFields(item);
    if (!fields || !takes(fields)) continue;
    sum.value += readCount({ ...source, fields, path: `${sum.path}.${index}` }, field).value;
    sum.given = true;
  }
  return sum;
}

/**
 * A quantity that may have a fraction (seconds, searches), rounded up: what is begun is charged.
 * Another value than a number from 0 on becomes a problem and reads as 0.
 */
export function readRounded(source: Source, ...names: string[]): FoundCount {
  for (const name of names) {
    const value = name.includes('.') ? readNested(source, name) : source.fields[name];
    if (value === undefined || value === null) continue;
    const path = `${source.path}.${name}`;
    if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(Math.ceil(value))) {
      return { value: Math.ceil(value), path, given: true };
    }
    addProblem(source, path, 'must be a number, 0 or more');
  }
  return { value: 0, path: `${source.path}.${names[0]}`, given: false };
}

/** Adds counts that do not overlap; the path is that of the first. */
export function addCounts(first: FoundCount, ...others: FoundCount[]): FoundCount {
  return {
    value: others.reduce((sum, count) => sum + count.value, first.value),
    path: first.path,
    given: first.given || others.some((count) => count.given),
  };
}

/** Names a refused field once. */
export function addProblem(source: Source, path: string, message: string): void {
  const { problems } = source;
  if (problems.length < MAX_REMARKS && !problems.some((problem) => problem.path === path))
    problems.push({ path, message });
}
