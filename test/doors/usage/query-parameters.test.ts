import { describe, expect, it } from 'vitest';
import type { UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { makeOrganization, makeUsage } from '../../harness/make.ts';

const meterr = useTestApp();

async function refusedPaths(query: string, path = '/v1/usage'): Promise<unknown> {
  const { status, error } = await meterr().rest('GET', `${path}?${query}`);
  return [status, error?.code, error?.details.fields?.map((field) => field.path)];
}

describe('a parameter of a query', () => {
  it.each([
    ['that is not known', 'colour=red', 'colour'],
    ['that every object has by nature', 'constructor=x', 'constructor'],
    ['that no object can have by an assignment', '__proto__=x', '__proto__'],
    ['that is given twice', 'model=a&model=b', 'model'],
    ['that is a tag without a name', 'tag.=x', 'tag.'],
    ['that is a tag without a name, in brackets', 'tag[]=x', 'tag[]'],
    ['that is called as the tags are kept inside', 'tags=x', 'tags'],
    ['that is called so beside a tag', 'tag.a=b&tags=x', 'tags'],
    ['that is a tag given twice (case D5)', 'tag.k=a&tag.k=b', 'tag.k'],
    ['that is a tag given twice in two spellings', 'tag.k=a&tag[k]=a', 'tag[k]'],
    ['that is a tag given twice in brackets', 'tag%5Bk%5D=a&tag[k]=b', 'tag[k]'],
  ])('%s is refused by its name, never left out', async (_, query, path) => {
    expect(await refusedPaths(query)).toEqual([400, 'invalid_request', [path]]);
  });

  const EMPTY: [path: string, names: string[]][] = [
    [
      '/v1/usage',
      [
        'provider',
        'model',
        'team_id',
        'user_id',
        'api_key_id',
        'service_tier',
        'start',
        'end',
        'timezone',
        'interval',
        'group_by',
        'limit',
      ],
    ],
    ['/v1/usage/history', ['cursor', 'recorded_after', 'event_id', 'user_id']],
    ['/v1/usage/export', ['provider', 'event_id']],
    ['/v1/costs', ['period', 'model', 'user_id']],
    ['/v1/prices', ['provider', 'model', 'at', 'cursor']],
    ['/v1/budgets', ['cursor']],
    ['/v1/credits/ledger', ['cursor']],
    ['/v1/teams', ['cursor']],
    ['/v1/audit-log', ['cursor']],
    ['/v1/events', ['type', 'cursor']],
  ];
  const EMPTY_CASES = EMPTY.flatMap(([path, names]) => names.map((name) => [path, name] as const));

  it.each(EMPTY_CASES)('that is empty is refused by its name: %s?%s= (cases D1, D3)', async (path, name) => {
    expect(await refusedPaths(`${name}=`, path)).toEqual([400, 'invalid_request', [name]]);
    expect(await refusedPaths(name, path)).toEqual([400, 'invalid_request', [name]]);
  });

  it('that is a list is the same in one piece and one by one', async () => {
    const { key } = await makeOrganization(meterr());
    await makeUsage(meterr(), key.secret, [{}, { model: 'gpt-4o-mini', tags: { 'a.b': 'c=d&e' } }]);
    const ask = (query: string) => meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key: key.secret });
    const one = await ask('group_by=model,provider');
    expect(await ask('group_by=model&group_by=provider')).toEqual(one);
    expect(await ask(`${new URLSearchParams({ group_by: 'model,provider' })}`)).toEqual(one);
    expect(one.data).toHaveLength(2);
  });

  it.each(['a.b', 'a', 'a]b', '[x]', 'a,b', '__proto__', 'ü m'])('finds the tag %j by both spellings', async (key) => {
    const { secret } = (await makeOrganization(meterr())).key;
    // `__proto__` must be a key of the text that is sent.
    const tags = Object.fromEntries([[key, 'c=d&e']]);
    await makeUsage(meterr(), secret, [{}, { tags }]);
    for (const name of [`tag.${key}`, `tag[${key}]`]) {
      for (const [value, requests] of [
        ['c=d&e', 1],
        ['other', 0],
      ] as const) {
        const path = `/v1/usage?${new URLSearchParams({ [name]: value })}`;
        const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', path, { key: secret });
        expect([name, value, totals.requests]).toEqual([name, value, requests]);
      }
    }
  });
});

describe('in GraphQL', () => {
  it.each(['provider', 'model', 'teamId', 'userId', 'apiKeyId', 'serviceTier'])(
    'an empty %s in a filter is refused by its name, and returns nothing',
    async (name) => {
      const filter = { [name]: '' };
      for (const field of ['usage { totals { requests } }', 'usageEvents { edges { cursor } }', 'costs { total }']) {
        const [root, ...rest] = field.split(' ');
        const query = `query ($filter: UsageFilter) { ${root}(filter: $filter) ${rest.join(' ')} }`;
        const { data, error } = await meterr().gql<Record<string, unknown>>(query, { filter });
        expect([data?.[root ?? ''] ?? null, error?.code, error?.details.fields?.map(({ path }) => path)]).toEqual([
          null,
          'invalid_request',
          [name],
        ]);
      }
    },
  );

  it.each(['usageEvents', 'prices', 'budgets', 'creditLedger', 'teams', 'auditLog', 'events'])(
    'an empty cursor of %s is refused, and is not the first page',
    async (field) => {
      const { error } = await meterr().gql(`{ ${field}(after: "") { edges { cursor } } }`);
      expect(error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path: 'after' }] } });
    },
  );

  it('an empty name of a price is refused', async () => {
    for (const path of ['provider', 'model']) {
      const { error } = await meterr().gql(`{ prices(${path}: "") { edges { cursor } } }`);
      expect(error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path }] } });
    }
  });

  it('a tag that a filter names twice, or without a key, is refused', async () => {
    const ask = (tags: object[]) =>
      meterr().gql('query ($filter: UsageFilter) { usage(filter: $filter) { totals { requests } } }', {
        filter: { tags },
      });
    const twice = await ask([
      { key: 'k', value: 'a' },
      { key: 'k', value: 'b' },
    ]);
    expect(twice.error?.details.fields).toEqual([{ path: 'tag.k', message: 'must be given once' }]);
    expect((await ask([{ key: '', value: 'a' }])).error?.code).toBe('invalid_request');
  });
});

it('an end beyond the millisecond has the whole of its last millisecond (case Y1)', async () => {
  const { secret } = (await makeOrganization(meterr())).key;
  await makeUsage(meterr(), secret, [{ timestamp: '2026-11-21T23:59:59.999Z' }]);
  const range = (end: string) => `start=2026-11-21T00:00:00Z&end=${end}`;
  for (const [end, found] of [
    ['2026-11-21T23:59:59.999999999Z', 1],
    ['2026-11-21T23:59:59.9990001Z', 1],
    ['2026-11-21T23:59:59.999Z', 0],
    ['2026-11-21T23:59:59.998999Z', 0],
  ] as const) {
    const usage = await meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${range(end)}`, { key: secret });
    const history = await meterr().ok<{ data: object[] }>('GET', `/v1/usage/history?${range(end)}`, { key: secret });
    expect([end, usage.totals.requests, history.data.length]).toEqual([end, found, found]);
  }
});

describe('the key of a tag that holds a comma', () => {
  it('can be grouped by: as %2C, or with each dimension given by itself (case Z1)', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    await makeUsage(meterr(), secret, [{ tags: { 'a,b': 'c', 'x,model': 'y' } }]);
    const ask = async (query: string) => {
      const { group_by, data } = await meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key: secret });
      return [group_by, data[0]?.group];
    };
    expect(await ask('group_by=tag:a%2Cb')).toEqual([['tag:a,b'], { 'tag:a,b': 'c' }]);
    expect(await ask('group_by=tag:a,b&group_by=model')).toEqual([
      ['tag:a,b', 'model'],
      { 'tag:a,b': 'c', model: 'gpt-4o' },
    ]);
    expect(await ask('group_by=model,tag:a%2Cb')).toEqual([['model', 'tag:a,b'], { model: 'gpt-4o', 'tag:a,b': 'c' }]);
    // What could be a list is one; given with another, it is whole.
    expect(await ask('group_by=tag:x%2Cmodel')).toEqual([['tag:x', 'model'], { 'tag:x': null, model: 'gpt-4o' }]);
    expect(await ask('group_by=tag:x%2Cmodel&group_by=provider')).toEqual([
      ['tag:x,model', 'provider'],
      { 'tag:x,model': 'y', provider: 'openai' },
    ]);
    const query = '{ usage(groupBy: [{ dimension: TAG, key: "a,b" }]) { data { group { key value } } } }';
    expect(await meterr().data(query, null, { key: secret })).toEqual({
      usage: { data: [{ group: [{ key: 'tag:a,b', value: 'c' }] }] },
    });
  });

  it('does not hide a dimension that is written wrong', async () => {
    for (const query of [
      'group_by=tag:env,modle',
      'group_by=model,modle',
      'group_by=model%2Cmodle',
      'group_by=model,',
    ]) {
      const { status, error } = await meterr().rest('GET', `/v1/usage?${query}`);
      expect([query, status, error?.code]).toEqual([query, 400, 'invalid_request']);
    }
  });
});

describe('GET /v1/usage/export', () => {
  it.each([
    [undefined, 'text/csv'],
    ['*/*', 'text/csv'],
    ['text/csv', 'text/csv'],
    ['application/x-ndjson', 'application/x-ndjson'],
  ])('with Accept %s streams all that fits the filters as %s', async (accept, type) => {
    const { secret } = (await makeOrganization(meterr())).key;
    await makeUsage(
      meterr(),
      secret,
      Array.from({ length: 30 }, (_, i) => ({ user_id: i < 25 ? 'u-1' : 'u-2' })),
    );
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    const path = '/v1/usage/export?user_id=u-1';
    const { status, headers: answered, text } = await meterr().rest('GET', path, { key: secret, headers });
    expect({ status, type: answered.get('content-type')?.split(';')[0] }).toEqual({ status: 200, type });
    const lines = text.trim().split('\n');
    expect(lines).toHaveLength(type === 'text/csv' ? 26 : 25);
  });

  it('is not in pages, and refuses before it begins', async () => {
    for (const name of ['limit', 'cursor']) {
      expect(await refusedPaths(`${name}=1`, '/v1/usage/export')).toEqual([400, 'invalid_request', [name]]);
    }
    expect(await refusedPaths('start=2026-11-02T00:00:00Z&end=2026-11-01T00:00:00Z', '/v1/usage/export')).toEqual([
      400,
      'invalid_request',
      ['end'],
    ]);
  });
});
