import { checkTotal } from '../source/decoded-counts.ts';
import { addCounts, type FoundCount, type Source } from '../source/read-count.ts';

/**
 * Whether a source counts reasoning inside its output number, beside it (xAI Chat), or nobody has
 * confirmed which.
 */
export type ReasoningRule = 'inside' | 'beside' | 'unknown';

/**
 * All output, reasoning included. The rule decides, unless the total proves the other reading
 * exactly: a proxy may have rewritten xAI's numbers to OpenAI's form, or pass xAI's through under
 * another name. Such a turn is a warning. Reasoning above the output can only stand beside it.
 */
export function placeReasoning(
  source: Source,
  rule: ReasoningRule,
  numbers: { input: FoundCount; output: FoundCount; reasoning: FoundCount; total: FoundCount },
): FoundCount {
  const { input, output, reasoning, total } = numbers;
  const whole = addCounts(output, reasoning);
  const insideFits = reasoning.value <= output.value;
  if (reasoning.value > 0 && total.given) {
    if (insideFits && total.value === input.value + output.value) {
      if (rule === 'beside') source.warnings.push(`${total.path} shows that reasoning is already inside the output`);
      return output;
    }
    if (total.value === input.value + whole.value) {
      if (rule === 'inside') source.warnings.push(`${total.path} shows that reasoning stands beside the output; added`);
      return whole;
    }
  }
  if (rule === 'inside' && !insideFits) {
    source.warnings.push(`${reasoning.path} is above the output, so it stands beside it; added`);
  }
  const settled = rule === 'beside' || !insideFits ? whole : output;
  if (rule !== 'unknown') checkTotal(source, total, input, settled);
  else if (reasoning.value > 0) {
    source.warnings.push(`${total.path} does not show whether the output includes reasoning`);
  } else checkTotal(source, total, input, settled);
  return settled;
}
