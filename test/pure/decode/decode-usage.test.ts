import { describe, expect, test } from 'vitest';
import { decodeUsage } from '../../../src/domain/usage/decode/decode-usage.ts';
import { AppError, type FieldProblem } from '../../../src/platform/errors.ts';
import { CHAT_CASES, expectedOf } from './decode-usage-cases.ts';
import { CHARGED_CASES } from './decode-usage-cases-charged.ts';
import { BEDROCK_CASES, COHERE_CASES, GEMINI_CASES } from './decode-usage-cases-clouds.ts';
import { ANTHROPIC_CASES, RESPONSES_CASES } from './decode-usage-cases-messages.ts';

const CASES = [
  ...CHAT_CASES,
  ...CHARGED_CASES,
  ...RESPONSES_CASES,
  ...ANTHROPIC_CASES,
  ...GEMINI_CASES,
  ...BEDROCK_CASES,
  ...COHERE_CASES,
];

describe('a provider’s own words give the counts that a hand counts', () => {
  test.each(CASES)('$title', (usageCase) => {
    const { warnings, shape, ...decoded } = decodeUsage(usageCase.provider, usageCase.raw);
    expect(decoded).toEqual(expectedOf(usageCase));
    if (usageCase.shape) expect(shape).toBe(usageCase.shape);
    expect(warnings).toHaveLength(usageCase.warnings?.length ?? 0);
    for (const [index, text] of (usageCase.warnings ?? []).entries()) expect(warnings[index]).toContain(text);
  });

  test('the caller’s answer is not changed', () => {
    const raw = Object.freeze({ input_tokens: 3, output_tokens: 1, cache_read_input_tokens: 5 });
    expect(decodeUsage('anthropic', raw).counts.inputTokens).toBe(8);
    expect(raw.input_tokens).toBe(3);
  });
});

const CHAT = { prompt_tokens: 10, completion_tokens: 5 };

const REFUSALS: [title: string, raw: unknown, paths: string[]][] = [
  ['nothing', null, ['usage']],
  ['a number', 7, ['usage']],
  ['an empty object', {}, ['usage']],
  ['an unknown object', { units: 3 }, ['usage']],
  ['an empty list', [], ['usage']],
  ['a list of usage objects, which would lose all but the last', [CHAT, CHAT], ['usage']],
  [
    'two answers in one list',
    [
      { id: 'a', usage: CHAT },
      { id: 'b', usage: CHAT },
    ],
    ['usage'],
  ],
  ['an early chunk', { choices: [], usage: null }, ['usage.usage']],
  ['a whole body with an unknown usage', { usage: { units: 3 } }, ['usage.usage']],
  ['a negative count', { ...CHAT, prompt_tokens: -1 }, ['usage.prompt_tokens']],
  ['a fraction', { ...CHAT, completion_tokens: 1.5 }, ['usage.completion_tokens']],
  ['a number past 2^53-1', { ...CHAT, prompt_tokens: 2 ** 53 }, ['usage.prompt_tokens']],
  ['a count in text', { ...CHAT, prompt_tokens: '10' }, ['usage.prompt_tokens']],
  ['NaN', { ...CHAT, prompt_tokens: Number.NaN }, ['usage.prompt_tokens']],
  ['a missing input', { completion_tokens: 5 }, ['usage.prompt_tokens']],
  ['details that are no object', { ...CHAT, prompt_tokens_details: 4 }, ['usage.prompt_tokens_details']],
  [
    'every bad field is named',
    { prompt_tokens: -1, completion_tokens: 5, completion_tokens_details: { audio_tokens: 1.5 } },
    ['usage.prompt_tokens', 'usage.completion_tokens_details.audio_tokens'],
  ],
  [
    'sums past 2^53-1',
    { input_tokens: 2 ** 53 - 1, output_tokens: 1, cache_read_input_tokens: 1 },
    ['usage.input_tokens'],
  ],
  ['a message_delta without input', { type: 'message_delta', usage: { output_tokens: 15 } }, ['usage']],
  [
    'a negative count that comes later than a good one',
    [
      { type: 'message_start', message: { usage: { input_tokens: 9, output_tokens: 5 } } },
      { type: 'message_delta', usage: { output_tokens: -1 } },
    ],
    ['usage.output_tokens'],
  ],
  ['an Anthropic answer without output', { input_tokens: 4, cache_read_input_tokens: 0 }, ['usage.output_tokens']],
  ['the AI SDK’s usage', { inputTokens: 9, outputTokens: 1, cachedInputTokens: 5 }, ['usage']],
  ['a negative cost', { ...CHAT, is_byok: false, cost: -0.1 }, ['usage.cost']],
  ['a cost that is no number', { ...CHAT, is_byok: false, cost: 'cheap' }, ['usage.cost']],
  ['a cost that no money column holds', { ...CHAT, is_byok: false, cost: 1e300 }, ['usage.cost']],
];

describe('what cannot be known is refused by its own name', () => {
  test.each(REFUSALS)('%s', (_title, raw, paths) => {
    const error = catchError(() => decodeUsage('openai', raw));
    expect(error.code).toBe('invalid_request');
    const fields = (error.details?.fields ?? []) as FieldProblem[];
    expect(fields.map((field) => field.path)).toEqual(paths);
  });
});

function catchError(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
