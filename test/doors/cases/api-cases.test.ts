import { expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import { DOCUMENTS } from './expect-documents.ts';
import { type Expectation, NAMES_AND_LIMITS } from './expect-names-and-limits.ts';
import { TIMES } from './expect-times.ts';
import { WORDS } from './expect-words.ts';
import { OPERATOR_KEY, readCases, runCase } from './run-case.ts';

// Each case was made after a bug that another product's users reported. Each one has a new
// organization, so that all of them use one app.

const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY }, now: '2026-11-28T12:00:00Z' });
const cases = readCases();
const EXPECTATIONS = new Map<string, Expectation>(
  [NAMES_AND_LIMITS, WORDS, DOCUMENTS, TIMES].flatMap((group) => Object.entries(group)),
);

let listening: Promise<number> | undefined;

/** A port of the app for cases that write to the socket themselves. */
function openPort(): Promise<number> {
  listening ??= meterr()
    .app.listen(0, '127.0.0.1')
    .then(({ port }) => port);
  return listening;
}

it('every case has an expectation, and every expectation a case', () => {
  expect([...EXPECTATIONS.keys()].sort()).toEqual(cases.map(({ id }) => id).sort());
});

it.each(cases.map((one) => [one.id, one.expect, one] as const))('%s: %s', async (id, _, one) => {
  const run = await runCase(meterr(), one, openPort);
  await EXPECTATIONS.get(id)?.(run);
});
