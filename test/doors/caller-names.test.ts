import { describe, expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import { EVENT } from '../harness/make.ts';
import type { BudgetAnswer } from './budget-answers.ts';

// Names that plain objects have by inheritance. A caller may use any of them as a key of his own,
// and gets nowhere with them elsewhere.

const meterr = useTestApp();

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
/** An object literal would set its prototype instead. */
const withKey = (name: string, value: unknown) => JSON.parse(`{${JSON.stringify(name)}: ${JSON.stringify(value)}}`);

describe.each(NAMES)('the name %s', (name) => {
  it('is a tag like others: in events of any form, groups, filters, budgets and holds', async () => {
    const { ok } = meterr();
    const tags = withKey(name, 'q');
    // The last is checked by the schema, not by the quick look.
    const bodies = [
      { ...EVENT, tags },
      { ...EVENT, tags, cost: 0.1 },
    ];
    for (const body of bodies) expect(await ok('POST', '/v1/usage', { body })).toMatchObject({ tags });
    await ok('POST', '/v1/usage', { body: { events: bodies } });
    const asked = await ok<{ totals: object }>('GET', `/v1/usage?tag.${name}=q`);
    expect(asked.totals).toMatchObject({ requests: 4 });
    const groups = await ok<{ data: { group: object }[] }>('GET', `/v1/usage?tag.${name}=q&group_by=tag:${name}`);
    expect(groups.data.map(({ group }) => group)).toEqual([withKey(`tag:${name}`, 'q')]);
    const hold = { provider: 'openai', model: 'gpt-4o', input_tokens: 1, max_output_tokens: 1, tags };
    await ok('POST', '/v1/usage/holds', { body: hold });
  });

  it('in the scope of a budget is kept, so that an event without the tag does not count', async () => {
    const { ok } = meterr();
    const tags = withKey(name, 'a');
    const body = { name: 's', tokens: 100, period: 'day', scope: { tags }, action: 'block' };
    const budget = await ok<BudgetAnswer & { scope: object }>('POST', '/v1/budgets', { body });
    expect(budget.scope).toMatchObject({ tags });
    await ok('POST', '/v1/usage', { body: { ...EVENT, tags: { other: 'z' } } });
    expect(await ok('GET', `/v1/budgets/${budget.id}`)).toMatchObject({ scope: { tags }, spent: 0 });
    await ok('POST', '/v1/usage', { body: { ...EVENT, tags } });
    expect(await ok<BudgetAnswer>('GET', `/v1/budgets/${budget.id}`)).not.toMatchObject({ spent: 0 });
  });

  it('is no media type, no coding, no file, no path, no parameter, no field and no operation', async () => {
    const { rest, fetch, gql, adminKey } = meterr();
    const authorization = `Bearer ${adminKey}`;
    const code = async (method: string, path: string, options: object = {}) => {
      const { status, error } = await rest(method, path, options);
      return [status, error?.code];
    };
    expect((await rest('GET', '/v1/usage/history', { headers: { accept: name } })).status).toBe(200);
    expect(await code('POST', '/v1/usage', { body: EVENT, headers: { 'content-type': name } })).toEqual([
      415,
      'unsupported_media_type',
    ]);
    expect((await rest('POST', '/v1/traces', { body: '{}', headers: { 'content-type': name } })).status).toBe(415);
    expect(await code('POST', '/v1/usage', { body: EVENT, headers: { 'content-encoding': name } })).toEqual([
      415,
      'unsupported_media_type',
    ]);
    expect(await code('GET', `/docs/${name}`)).toEqual([404, 'not_found']);
    expect(await code('GET', `/v1/${name}`)).toEqual([404, 'not_found']);
    expect(await code('GET', `/v1/usage/${name}`)).toEqual([404, 'not_found']);
    expect(await code('GET', `/v1/usage?${name}=1`)).toEqual([400, 'invalid_request']);
    expect(await code('GET', `/v1/usage?group_by=${name}`)).toEqual([400, 'invalid_request']);
    const field = { body: JSON.stringify(EVENT).replace('{', `{${JSON.stringify(name)}: 1, `) };
    expect(await code('POST', '/v1/usage', field)).toEqual([400, 'invalid_request']);
    const page = await fetch(`/graphql?query={me{scopes}}&operationName=${name}`, { headers: { authorization } });
    expect(page.status).toBeLessThan(500);
    for (let time = 0; time < 3; time++) {
      const variable = await gql(
        `query ($${name}: JSON) { usage(filter: {tags: [{key: "a", value: "b"}]}) { interval } }`,
      );
      expect(variable.error?.code).toBe('invalid_request');
      expect((await gql(`{ ${name} }`)).error?.code).toBe('invalid_request');
    }
  });
});
