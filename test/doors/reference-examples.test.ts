import { expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';

// What the reference at /docs fills in is sent as a reader does who changes nothing but the ids in
// the path.

const OPERATOR_KEY = 'operator-key-of-this-test';
const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY }, now: '2026-11-28T10:00:00Z' });

interface Parameter {
  in: string;
  name: string;
  required?: boolean;
  example?: unknown;
  schema?: { example?: unknown; default?: unknown };
}

interface Operation {
  operationId: string;
  security: Record<string, unknown>[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { example?: object }> };
}

it('the examples of the reference run untouched: no operation with a body lacks one, none is refused', async () => {
  const { ok, rest, adminKey } = meterr();
  const document = await ok<{ paths: Record<string, Record<string, Operation>> }>('GET', '/v1/openapi.json');
  const problems: string[] = [];
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const filled = (operation.parameters ?? []).filter(({ in: place }) => place === 'query');
      const query = new URLSearchParams();
      for (const { name, example, schema } of filled) {
        const value = example ?? schema?.example ?? schema?.default;
        if (value !== undefined) query.set(name, typeof value === 'string' ? value : JSON.stringify(value));
      }
      const content = operation.requestBody?.content['application/json'];
      if (content && !content.example) problems.push(`${method} ${path}: no example`);
      const target = `${path.replace(/\{\w+\}/g, 'none')}${query.size > 0 ? `?${query}` : ''}`;
      const key = operation.security.some((one) => 'operatorKey' in one) ? OPERATOR_KEY : adminKey;
      const { status, text } = await rest(method.toUpperCase(), target, { body: content?.example, key });
      // Nothing has the id `none`, and no example can know a token.
      const isOfNothing = path.includes('{') || operation.operationId === 'acceptInvite';
      if (status >= 300 && !(status === 404 && isOfNothing)) problems.push(`${method} ${target}: ${text}`);
    }
  }
  expect(problems).toEqual([]);
});
