import { lowerAscii } from '../../input/fold-name.ts';
import type { MatchRule } from '../price/price.ts';
import { isSameAfter, isSameBefore } from './name-tail.ts';

/** Tests a model name that is folded already. */
export type NameTest = (name: string) => boolean;

/** Whether the part that a rule names may stand between `head` and `tail`. */
type Guard = (part: string, head: string, tail: string) => boolean;

function compileText(text: string, fits: (head: string, tail: string) => boolean): NameTest {
  return (name) => {
    for (let at = name.indexOf(text); at >= 0; at = name.indexOf(text, at + 1)) {
      if (fits(name.slice(0, at), name.slice(at + text.length))) return true;
    }
    return false;
  };
}

function compileRegex(source: string, guard: Guard): NameTest {
  const pattern = new RegExp(source);
  return (name) => {
    const found = pattern.exec(name);
    if (!found) return false;
    const [part] = found;
    // A look-ahead is a condition beside other rules and names no part.
    if (part === '') return true;
    return guard(part, name.slice(0, found.index), name.slice(found.index + part.length));
  };
}

function compile(rule: MatchRule, guard: Guard): NameTest {
  if ('or' in rule) {
    const tests = rule.or.map((one) => compile(one, guard));
    return (name) => tests.some((test) => test(name));
  }
  if ('and' in rule) {
    const tests = rule.and.map((one) => compile(one, guard));
    return (name) => tests.every((test) => test(name));
  }
  if ('regex' in rule) return compileRegex(rule.regex, guard);
  if ('starts_with' in rule) {
    const start = lowerAscii(rule.starts_with);
    return (name) => name.startsWith(start) && guard(start, '', name.slice(start.length));
  }
  if ('ends_with' in rule) {
    const end = lowerAscii(rule.ends_with);
    return (name) => name.endsWith(end) && guard(end, name.slice(0, -end.length), '');
  }
  if ('contains' in rule) {
    const part = lowerAscii(rule.contains);
    return compileText(part, (head, tail) => guard(part, head, tail));
  }
  const whole = lowerAscii(rule.equals);
  return (name) => name === whole;
}

/**
 * Compiles a rule of the catalog so that it never takes another model: around the part that the
 * rule names, only what leaves the model the same may stand. As in genai-prices, `regex` is tested
 * on the lower-case name, too.
 * @param model the catalog's own id of the model, folded
 */
export function compileGuardedRule(rule: MatchRule, model: string): NameTest {
  return compile(rule, (part, head, tail) => isSameBefore(part, head) && isSameAfter(part, tail, model));
}

/** Returns the names that a rule lists one by one (its aliases), in lower case. */
export function listExactNames(rule: MatchRule): string[] {
  if ('equals' in rule) return [lowerAscii(rule.equals)];
  return 'or' in rule ? rule.or.flatMap(listExactNames) : [];
}

/** Makes the rule of an override: an exact name, or with a final `*` a prefix. */
export function ruleOfPattern(pattern: string): MatchRule {
  return pattern.endsWith('*') ? { starts_with: pattern.slice(0, -1) } : { equals: pattern };
}
