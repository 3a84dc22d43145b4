import { lowerAscii } from '../../input/fold-name.ts';
import type { MatchRule } from '../price/price.ts';

/** Tests a model name that is folded already. */
export type NameTest = (name: string) => boolean;

/** Compiles a rule. As in genai-prices, `regex` is tested on the lower-case name, too. */
export function compileMatchRule(rule: MatchRule): NameTest {
  if ('or' in rule) {
    const tests = rule.or.map(compileMatchRule);
    return (name) => tests.some((test) => test(name));
  }
  if ('and' in rule) {
    const tests = rule.and.map(compileMatchRule);
    return (name) => tests.every((test) => test(name));
  }
  if ('regex' in rule) {
    const pattern = new RegExp(rule.regex);
    return (name) => pattern.test(name);
  }
  if ('starts_with' in rule) {
    const start = lowerAscii(rule.starts_with);
    return (name) => name.startsWith(start);
  }
  if ('ends_with' in rule) {
    const end = lowerAscii(rule.ends_with);
    return (name) => name.endsWith(end);
  }
  if ('contains' in rule) {
    const part = lowerAscii(rule.contains);
    return (name) => name.includes(part);
  }
  const whole = lowerAscii(rule.equals);
  return (name) => name === whole;
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
