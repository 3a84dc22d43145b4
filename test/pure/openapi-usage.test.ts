import { beforeAll, expect, it } from 'vitest';
import { openApiDocument } from '../../src/rest/app.ts';

interface Content {
  schema: { $ref?: string };
}
interface Parameter {
  name: string;
  in: string;
  style?: string;
  explode?: boolean;
  schema: Record<string, unknown>;
}
interface DocumentedOperation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { content: Record<string, Content> }>;
}

let paths: Record<string, Record<string, DocumentedOperation>>;

beforeAll(async () => {
  paths = ((await openApiDocument()) as { paths: typeof paths }).paths;
});

const refsOf = (content: Record<string, Content> = {}) =>
  Object.entries(content).map(([type, { schema }]) => [type, schema.$ref?.split('/').at(-1)]);

it('POST /v1/usage is described as one JSON event with one answer', () => {
  const operation = paths['/v1/usage']?.post;
  expect(refsOf(operation?.requestBody?.content)).toEqual([['application/json', 'RecordUsageInput']]);
  for (const status of ['200', '201']) {
    expect(refsOf(operation?.responses[status]?.content)).toEqual([['application/json', 'UsageEvent']]);
  }
});

it('POST /v1/usage/batch is described as a batch, also as NDJSON', () => {
  const operation = paths['/v1/usage/batch']?.post;
  expect(refsOf(operation?.requestBody?.content).sort()).toEqual([
    ['application/json', 'RecordUsageBatchInput'],
    ['application/x-ndjson', undefined],
  ]);
  expect(refsOf(operation?.responses['200']?.content)).toEqual([['application/json', 'UsageBatchResult']]);
});

it('GET /v1/usage/export is described as a stream, which has no pages', () => {
  const operation = paths['/v1/usage/export']?.get;
  expect(Object.keys(operation?.responses['200']?.content ?? {}).sort()).toEqual(['application/x-ndjson', 'text/csv']);
  const names = operation?.parameters?.map(({ name }) => name);
  expect(names).toContain('event_id');
  expect(names).not.toContain('limit');
  expect(names).not.toContain('cursor');
});

it('what an Idempotency-Key does is described where usage is recorded', () => {
  for (const [path, maxLength] of [
    ['/v1/usage', 255],
    ['/v1/usage/batch', 250],
  ] as const) {
    const header = paths[path]?.post?.parameters?.find(({ name }) => name === 'Idempotency-Key');
    expect(header).toMatchObject({ in: 'header', schema: { maxLength } });
  }
});

it('a filter by tags is described in the form tag[KEY]=value, which generated clients can write', () => {
  for (const path of ['/v1/usage', '/v1/usage/history', '/v1/usage/export', '/v1/costs']) {
    const tag = paths[path]?.get?.parameters?.find(({ name }) => name === 'tag');
    expect(tag).toMatchObject({ in: 'query', style: 'deepObject', explode: true, schema: { type: 'object' } });
  }
});
