import { expect } from 'vitest';
import { type CaseRun, pick, pickList } from './run-case.ts';

/** Checks what a case has shown. */
export type Expectation = (run: CaseRun) => void | Promise<void>;

/** Expects a 400 that names a field, and returns what it says of it. */
export function refusalOf({ answer }: CaseRun, step: number, path: string | RegExp): string {
  const { status, error } = answer(step);
  expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
  const [field] = error?.details.fields ?? [];
  if (typeof path === 'string') expect(field?.path).toBe(path);
  else expect(field?.path).toMatch(path);
  expect(error?.message).toContain(field?.message);
  return field?.message ?? '';
}

export function statusesOf({ answer }: CaseRun, ...steps: number[]): number[] {
  return steps.map((step) => answer(step).status);
}

/** Groups A to D and I to N: names, empty values, holds and budgets. */
export const NAMES_AND_LIMITS: Readonly<Record<string, Expectation>> = {
  A1: ({ answer }) => {
    expect({ status: answer(1).status, code: answer(1).error?.code }).toEqual({ status: 402, code: 'budget_exceeded' });
  },
  A3: ({ answer }) => {
    expect(pickList(answer(3).body, 'data')).toMatchObject([{ group: { model: 'gpt-4o' }, requests: 3 }]);
  },
  B1: ({ answer }) => {
    if (answer(0).status === 400) return;
    expect(answer(2).text).toContain('"tags":{"__proto__":"a"}');
    expect(answer(2).body).toMatchObject({ spent: 0, matched_events: 0 });
  },
  B3: ({ answer }) => {
    expect(answer(0).status).toBe(201);
    expect(answer(0).text).toContain('"tags":{"__proto__":"q","a":"b"}');
  },
  C1: ({ answer }) => {
    expect(pickList(answer(3).body, 'subjects').map((one) => pick(one, 'subject'))).toEqual(['']);
  },
  D1: (run) => {
    refusalOf(run, 2, 'user_id');
  },
  D3: (run) => {
    refusalOf(run, 2, 'cursor');
  },
  D5: (run) => {
    expect(refusalOf(run, 1, /^tag/)).toBe('must be given once');
  },
  I1: ({ answer }) => {
    expect(pick(answer(2).body, 'percent')).toBe(99.99);
    expect(pickList(answer(3).body, 'data').map((event) => pick(event, 'data.threshold'))).not.toContain(100);
  },
  J1: ({ answer }) => {
    if (answer(1).status === 400) return;
    expect(answer(1).body).toMatchObject({ created: 0, duplicates: 1 });
    expect(pick(answer(2).body, 'totals.requests')).toBe(1);
  },
  K1: (run) => {
    expect(statusesOf(run, 0, 1)).toEqual([201, 200]);
  },
  K3: (run) => {
    expect(statusesOf(run, 0, 1)).toEqual([201, 200]);
  },
  L1: ({ answer }) => {
    expect(answer(1).body).toMatchObject({ held: '0.9' });
    expect(answer(2).status).toBe(402);
  },
  M1: (run) => {
    expect(statusesOf(run, 2, 4)).toEqual([201, 201]);
  },
  N1: (run) => {
    for (const status of statusesOf(run, 2, 3)) expect([400, 402]).toContain(status);
  },
  V1: (run) => {
    refusalOf(run, 0, 'scope.api_key_id');
  },
  V3: async ({ answer, ask }) => {
    const id = String(pick(answer(1).body, 'id'));
    expect(pickList(answer(4).body, 'budgets').map((one) => pick(one, 'id'))).not.toContain(id);
    const { status, body } = await ask('GET', `/v1/budgets/${id}`);
    if (status !== 404) expect(pick(body, 'ended_at')).toEqual(expect.any(String));
  },
  'OK-hold-leak': (run) => {
    refusalOf(run, 2, 'input_tokens');
    expect(run.answer(3).status).toBe(201);
    expect(run.answer(4).body).toMatchObject({ held: '0' });
  },
  'OK-hold-tenant': (run) => {
    expect(refusalOf(run, 1, 'hold_id')).toBe('there is no such hold');
  },
  'OK-alert-once': ({ answer }) => {
    const events = pickList(answer(4).body, 'data').map((event) => pick(event, 'event'));
    expect(events.sort()).toEqual(['budget.threshold_reached', 'usage.exceeded']);
  },
  'OK-per-user': ({ answer }) => {
    const subjects = pickList(answer(3).body, 'data').map((event) => pick(event, 'data.subject'));
    expect(subjects.sort()).toEqual(['a', 'b']);
  },
  'OK-expiry': (run) => {
    refusalOf(run, 0, 'expires_at');
    refusalOf(run, 1, 'amount');
  },
  'OK-neg-credit': ({ answer }) => {
    expect(answer(1).status).toBe(201);
    expect(answer(3).body).toMatchObject({ available: '-3' });
  },
};
