import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { printSortedSchema, SCHEMA_FILE } from '../../src/graphql/print-schema.ts';
import { schema } from '../../src/graphql/schema.ts';
import { ROUTES } from '../../src/rest/app.ts';
import { OPENAPI_FILE, printOpenApi } from '../../src/rest/print-openapi.ts';
import { GRAPHQL_ONLY, OPERATIONS, REST_ONLY } from '../harness/operations.ts';

const routeNames = ROUTES.map(({ definition }) => `${definition.method.toUpperCase()} ${definition.path}`);
const fieldsOf = (type = schema.getQueryType()) => Object.keys(type?.getFields() ?? {});

it('schema.graphql is what the code makes: npm run schema', async () => {
  expect(await readFile(SCHEMA_FILE, 'utf8')).toBe(printSortedSchema());
});

it('openapi.json is what the code makes: npm run schema', async () => {
  expect(await readFile(OPENAPI_FILE, 'utf8')).toBe(await printOpenApi());
});

it('every field of Query and Mutation has its route, named in test/harness/operations.ts', () => {
  const named = (kind: 'query' | 'mutation') =>
    OPERATIONS.filter((operation) => operation.kind === kind).map(({ field }) => field);
  const only = Object.keys(GRAPHQL_ONLY);
  expect([...named('query'), ...only].sort()).toEqual(
    [...fieldsOf(), ...only.filter((name) => !fieldsOf().includes(name))].sort(),
  );
  expect(named('mutation').sort()).toEqual(fieldsOf(schema.getMutationType()).sort());
});

it('every route has its field of GraphQL, named in test/harness/operations.ts', () => {
  const named = OPERATIONS.map(({ rest }) => `${rest.method} ${rest.path}`);
  expect([...new Set([...named, ...Object.keys(REST_ONLY)])].sort()).toEqual([...routeNames].sort());
});

it('every route has an operation id of its own, and every error that it may answer is documented', async () => {
  const document = JSON.parse(await printOpenApi()) as {
    paths: Record<
      string,
      Record<string, { operationId: string; responses: Record<string, object>; requestBody?: object }>
    >;
  };
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(operations).toHaveLength(routeNames.length);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { operationId, responses, requestBody } of operations) {
    const expected = ['401', '403', '429', '500', '503', ...(requestBody ? ['400', '413', '415'] : [])];
    expect(Object.keys(responses), operationId).toEqual(expect.arrayContaining(expected));
  }
});

it('every answer that shows a secret says that no cache may keep it', async () => {
  const { paths, components } = JSON.parse(await printOpenApi());
  const showsSecret = (schema: unknown, seen: string[] = []): boolean => {
    if (typeof schema !== 'object' || schema === null) return false;
    if ('$ref' in schema) {
      const name = String(schema.$ref).split('/').at(-1) ?? '';
      return !seen.includes(name) && showsSecret(components.schemas[name], [...seen, name]);
    }
    if ('properties' in schema && Object.keys(Object(schema.properties)).some((name) => name === 'secret')) return true;
    return Object.values(schema).some((inner) => showsSecret(inner, seen));
  };
  const shown: string[] = [];
  for (const [path, methods] of Object.entries<object>(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      for (const [status, response] of Object.entries<{ content?: object; headers?: object }>(operation.responses)) {
        if (!showsSecret(response.content)) continue;
        shown.push(`${method} ${path}`);
        expect(Object.keys(response.headers ?? {}), `${method} ${path} ${status}: set showsSecret`).toContain(
          'Cache-Control',
        );
      }
    }
  }
  expect(shown).toContain('post /v1/organizations');
});

it('every root field of Query and Mutation is nullable, so that one failure hides no other answer', () => {
  for (const root of [schema.getQueryType(), schema.getMutationType()]) {
    const strict = Object.values(root?.getFields() ?? {}).filter(({ type }) => String(type).endsWith('!'));
    expect(strict.map(({ name }) => name)).toEqual([]);
  }
});

it('money is Decimal and counts are SafeInt: no Float but for ratios', () => {
  const floats: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!('getFields' in type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      if (String(field.type).includes('Float')) floats.push(`${type.name}.${field.name}`);
    }
  }
  const RATIO = /\.(share|changePercent|percent|level|mape|coverage|probabilityExceeded)$/;
  expect(floats.filter((name) => !RATIO.test(name))).toEqual([]);
});
