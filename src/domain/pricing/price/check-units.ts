import type { FieldProblem } from '../../../platform/errors.ts';
import type { UsageCount, UsageCounts } from './usage-counts.ts';
import type { UsageUnit, UsageUnits } from './usage-units.ts';

/** Parts that are different tokens of one total: together they cannot be above it. */
const SHARES: readonly { total: UsageCount; counted: UsageCount | null; units: readonly UsageUnit[] }[] = [
  { total: 'inputTokens', counted: 'inputAudioTokens', units: ['input_image_tokens', 'input_video_tokens'] },
  { total: 'outputTokens', counted: 'outputAudioTokens', units: ['output_image_tokens', 'output_video_tokens'] },
  {
    total: 'cacheReadTokens',
    counted: null,
    units: ['cache_audio_read_tokens', 'cache_image_read_tokens', 'cache_video_read_tokens'],
  },
  { total: 'cacheWriteTokens', counted: 'cacheWrite1hTokens', units: ['cache_write_12h_tokens'] },
  { total: 'cacheWriteTokens', counted: null, units: ['cache_audio_write_tokens'] },
];

/**
 * Where units contradict the counts or each other: a part above its total, alone or with its
 * neighbours. Empty when they agree.
 */
export function findUnitProblems(counts: UsageCounts, units: UsageUnits): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const { total, counted, units: parts } of SHARES) {
    let sum = counted === null ? 0 : counts[counted];
    for (const unit of parts) {
      const quantity = units[unit] ?? 0;
      sum += quantity;
      if (quantity === 0 || sum <= counts[total]) continue;
      const others = sum > quantity ? ' together with its other parts' : '';
      problems.push({ path: `units.${unit}`, message: `must not be above ${total}${others}, which includes it` });
      break;
    }
  }
  const pages = units.input_document_pages ?? 0;
  if (pages > 0 && (units.input_annotated_document_pages ?? 0) > pages) {
    const message = 'must not be above units.input_document_pages, which includes it';
    problems.push({ path: 'units.input_annotated_document_pages', message });
  }
  return problems;
}
