import { expect, it } from 'vitest';
import { foldName } from '../../src/domain/input/fold-name.ts';
import { normalizeProvider } from '../../src/domain/pricing/price/provider-name.ts';

it.each([
  ['GPT-4o ', 'gpt-4o'],
  ['\t gpt-4o\u00a0', 'gpt-4o'],
  ['Meta-Llama/Llama 3 70B', 'meta-llama/llama 3 70b'],
  ['   ', ''],
  ['', ''],
  // Only ASCII letters are folded: other alphabets have no lower case that all agree on.
  ['İstanbul-Ä', 'İstanbul-Ä'],
  ['ÄPFEL-1B', 'Äpfel-1b'],
])('%j is the model %j', (given, folded) => {
  expect(foldName(given)).toBe(folded);
  expect(foldName(folded)).toBe(folded);
});

it('a provider that is too long for any event is only folded, at once, whatever it is like', () => {
  const long = `HuggingFace${':'.repeat(1_000_000)}\nx`;
  expect(normalizeProvider(` ${long} `)).toBe(long.replace('HuggingFace', 'huggingface'));
  expect(normalizeProvider(`${' '.repeat(200)}Open_AI`)).toBe('openai');
});

it('a name that is folded already is returned as it is', () => {
  for (const name of ['gpt-4o', 'claude-sonnet-4-5@20250929', 'a b', 'ñandú-7b']) expect(foldName(name)).toBe(name);
});

it('a provider is folded as a model is, and found by any of its spellings, however often it is asked', () => {
  for (let turn = 0; turn < 3; turn++) {
    for (const spelling of ['OpenAI', ' openai ', 'open_ai']) expect(normalizeProvider(spelling)).toBe('openai');
    expect(normalizeProvider(' Ä-Proxy ')).toBe('Ä-proxy');
  }
  for (let i = 0; i < 2_000; i++) expect(normalizeProvider(`P-${i}`)).toBe(`p-${i}`);
  expect(normalizeProvider('OpenAI')).toBe('openai');
});
