import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RELEASE_HOLD } from '../../src/domain/holds/release-hold.ts';
import { CREATE_HOLD } from '../../src/domain/holds/reserve-hold.ts';
import { RECORD_USAGE } from '../../src/domain/usage/write/write-events.ts';
import { RECORD_ONE, RECORD_ONE_COUNTED } from '../../src/domain/usage/write/write-lone-event.ts';
import type { Call } from '../../src/platform/postgres/call.ts';
import { useTestDomain } from '../harness/domain.ts';

const domain = useTestDomain();
const SOURCE = join(import.meta.dirname, '../../src');
const CALLS: Readonly<Record<string, Pick<Call<never>, 'functionName' | 'parameters'>>> = {
  RECORD_USAGE,
  RECORD_ONE,
  RECORD_ONE_COUNTED,
  CREATE_HOLD,
  RELEASE_HOLD,
};

interface Parameter {
  name: string;
  type: string;
  isOptional: boolean;
}

/** What the database says that the function takes. */
async function parametersOf(functionName: string): Promise<Parameter[]> {
  const { rows } = await domain().sql.query<Parameter>(
    `SELECT p.proargnames[a.ordinal] AS name, a.type::regtype::text AS type,
            a.ordinal > p.pronargs - p.pronargdefaults AS "isOptional"
       FROM pg_proc p, unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a(type, ordinal)
      WHERE p.pronamespace = 'public'::regnamespace AND p.proname = $1 ORDER BY a.ordinal`,
    [functionName],
  );
  return rows;
}

/** The type in the database's own words: `int` is `integer`. */
async function spell(type: string): Promise<string> {
  const { rows } = await domain().sql.query<{ type: string }>('SELECT $1::regtype::text AS type', [type]);
  return rows[0]?.type ?? '';
}

it.each(Object.entries(CALLS))('%s names each parameter of its function once, with its type', async (_, call) => {
  const { functionName, parameters } = call;
  const called = await Promise.all(parameters.map(async ([name, type]) => `${name} ${await spell(type)}`));
  const names = new Set<string>(parameters.map(([name]) => name));
  const taken = (await parametersOf(functionName)).filter(({ name, isOptional }) => !isOptional || names.has(name));
  expect(called.toSorted()).toEqual(taken.map(({ name, type }) => `${name} ${type}`).toSorted());
});

it('every call that src defines is held against the database here', async () => {
  const names = (await readdir(SOURCE, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(join(SOURCE, name), 'utf8')));
  const defined = texts.flatMap((text) =>
    [...text.matchAll(/export const (\w+) = defineCall\b/g)].map(([, name]) => name),
  );
  expect(defined.toSorted()).toEqual(Object.keys(CALLS).toSorted());
  expect(texts.join('\n').match(/= defineCall\b/g)).toHaveLength(defined.length);
});
