import { expect } from 'vitest';
import { type Expectation, refusalOf } from './expect-names-and-limits.ts';
import { pick, pickList } from './run-case.ts';

const CAMEL = /[a-z][A-Z]/;

/** Groups E to H: what a refusal says, and that it is one. */
export const WORDS: Readonly<Record<string, Expectation>> = {
  E1: (run) => {
    refusalOf(run, 0, /^raise_(amount|until)$/);
    const message = run.answer(0).error?.message;
    expect(message).toContain('raise_amount');
    expect(message).toContain('raise_until');
    expect(message).not.toMatch(CAMEL);
  },
  E3: (run) => {
    expect(refusalOf(run, 0, /^thresholds/)).toBe('must be whole percents from 1 to 1000');
  },
  E5: async ({ answer, ask }) => {
    expect(pick(answer(0).body, 'id')).toMatch(/^budget_/);
    // The clock stands still, so the entry of the organization may be the newest one.
    const entries = pickList((await ask('GET', '/v1/audit-log')).body, 'data');
    const made = entries.find((entry) => pick(entry, 'action') === 'budget.created');
    expect(pick(made, 'after.id')).toBe(pick(answer(0).body, 'id'));
  },
  E7: (run) => {
    expect(refusalOf(run, 0, 'cache_read_tokens')).toContain('input_tokens, which includes it');
    expect(refusalOf(run, 1, 'reasoning_tokens')).toContain('output_tokens, which includes it');
  },
  F1: (run) => {
    expect(refusalOf(run, 0, 'amount')).toBe('is required');
    expect(run.answer(0).error?.message).toBe('amount: is required');
  },
  F3: (run) => {
    // Either way of writing the limit, and either the limit of one event or that of a whole number.
    expect(refusalOf(run, 0, 'input_tokens')).toMatch(/(at most|from 0 to) (10\^12|1000000000000|9007199254740991)/);
  },
  F5: ({ answer }) => {
    expect(answer(0).status).toBeLessThan(500);
    expect(pick(answer(0).body, 'data.0')).toMatchObject({
      index: 0,
      status: 'invalid',
      error: { code: 'invalid_request', message: expect.stringContaining('is not JSON') },
    });
  },
  F7: ({ answer }) => {
    const error = pick(answer(0).body, 'errors.0');
    expect(pick(error, 'extensions.code')).toBe('invalid_request');
    expect(pick(error, 'message')).toContain('start');
    expect(pickList(error, 'extensions.details.fields').map((field) => pick(field, 'path'))).toEqual(['start']);
  },
  F9: (run) => {
    expect(refusalOf(run, 0, 'start')).toContain('%2B');
  },
  G1: ({ answer }) => {
    expect(answer(0).status).toBe(400);
    expect(pick(answer(0).body, 'errors.0.extensions.code')).toBe('invalid_request');
  },
  H1: (run) => {
    refusalOf(run, 0, 'interval');
  },
  'OK-nul': (run) => {
    refusalOf(run, 0, 'tags.k');
    refusalOf(run, 1, 'metadata');
    refusalOf(run, 2, 'user_id');
  },
  'OK-cursor': (run) => {
    refusalOf(run, 0, 'cursor');
    refusalOf(run, 1, 'cursor');
  },
  'OK-first': ({ answer }) => {
    const error = pick(answer(0).body, 'errors.0');
    expect(pick(error, 'extensions.code')).toBe('invalid_request');
    expect(pick(error, 'message')).toContain('first');
  },
  'OK-idem-blank': (run) => {
    refusalOf(run, 0, 'Idempotency-Key');
    refusalOf(run, 1, 'Idempotency-Key');
  },
  'OK-batch-gql': ({ answer }) => {
    for (const step of [0, 1]) {
      // Without an Accept header GraphQL over HTTP answers 200 with its errors.
      expect([200, 400]).toContain(answer(step).status);
      expect(pick(answer(step).body, 'errors.0.extensions.code')).toBe('invalid_request');
      expect(pick(answer(step).body, 'errors.0.message')).toMatch(/\w+ \w+ \w+/);
    }
  },
  'OK-bom': ({ answer }) => {
    expect([201, 400]).toContain(answer(0).status);
  },
};
