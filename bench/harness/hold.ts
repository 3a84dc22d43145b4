import type { HttpCaller } from './http-caller.ts';

/** The one budget of an organization whose holds are timed. */
export const BUDGET = { name: 'Everything', amount: '1000000', period: 'month', action: 'block' };
/** The body of each request for a hold. */
export const HOLD = {
  provider: 'openai',
  model: 'gpt-4o',
  input_tokens: 1_200,
  max_output_tokens: 300,
  user_id: 'user-10',
};

/**
 * Milliseconds of calls one after another, for a while. What a call returns is run after it,
 * untimed.
 */
export async function timeFor(ms: number, call: () => Promise<(() => Promise<unknown>) | null>): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (const endMs = performance.now() + ms; performance.now() < endMs; ) {
    const startMs = performance.now();
    const after = await call();
    latenciesMs.push(performance.now() - startMs);
    await after?.();
  }
  return latenciesMs;
}

/** Reserves against that budget, and gives back afterwards: a caller settles or releases. */
export async function hold(caller: HttpCaller): Promise<() => Promise<unknown>> {
  const { body } = await caller.call('POST', '/v1/usage/holds', HOLD);
  return async () => {
    const { id, budgets } = JSON.parse(body) as { id: string; budgets: unknown[] };
    if (budgets.length !== 1) throw new Error(`a hold met ${budgets.length} budgets: ${body}`);
    await caller.call('DELETE', `/v1/usage/holds/${id}`);
  };
}
