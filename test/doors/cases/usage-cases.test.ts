import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseMoney } from '../../../src/platform/money.ts';
import { useTestApp } from '../../harness/app.ts';
import { OPERATOR_KEY, pick, pickList } from './run-case.ts';

// Each case is what a provider or an instrumentation sends, made after a public bug report, with the
// numbers that are right. Each has a new organization, so that all of them use one app.

interface UsageCase {
  id: string;
  kind: string;
  title: string;
  method: string;
  path: string;
  body: unknown;
  bodyIsListOfRequests?: boolean;
  expect: { fields?: Record<string, unknown>; events?: Record<string, unknown>[] };
}

const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY }, now: '2026-11-28T12:00:00Z' });
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'usage-cases.json'), 'utf8')) as {
  cases: UsageCase[];
};

/** Costs are compared by their value: `0.50` is `0.5`. */
function plain(name: string, value: unknown): unknown {
  return name === 'cost' && typeof value === 'string' ? parseMoney(value) : value;
}

/** The fields of `event` that are expected, in the form in which they are compared. */
function picked(event: unknown, expected: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(expected).map((name) => [name, plain(name, pick(event, name))]));
}

function wanted(expected: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, plain(name, value)]));
}

async function makeKey(): Promise<string> {
  const made = await meterr().ok<{ api_key: { secret: string } }>('POST', '/v1/organizations', {
    key: OPERATOR_KEY,
    body: { name: 'A case', plan: 'enterprise', credits: 'none' },
  });
  return made.api_key.secret;
}

it.each(cases.map((one) => [one.id, one.title, one] as const))('%s: %s', async (_id, _title, one) => {
  const { fetch } = meterr();
  const headers = { authorization: `Bearer ${await makeKey()}`, 'content-type': 'application/json' };
  const bodies = one.bodyIsListOfRequests ? (one.body as unknown[]) : [one.body];
  const answers: unknown[] = [];
  for (const body of bodies) {
    const response = await fetch(one.path, { method: one.method, headers, body: JSON.stringify(body) });
    answers.push({ status: response.status, ...Object(await response.json()) });
  }
  const { fields, events } = one.expect;
  if (fields) expect(picked(answers.at(-1), fields)).toEqual(wanted(fields));
  if (!events) return;
  expect(answers.map((answer) => pick(answer, 'status'))).toEqual(bodies.map(() => 200));
  const response = await fetch('/v1/usage/history?limit=100', { headers });
  const recorded = pickList(await response.json(), 'data').filter(
    (event) => pick(event, 'voided_by') === null && pick(event, 'voids') === null,
  );
  expect(recorded).toHaveLength(events.length);
  for (const event of events) expect(recorded.map((one) => picked(one, event))).toContainEqual(wanted(event));
});
