import { describe, expect, it } from 'vitest';
import type { UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { makeOrganization, makeUsage } from '../../harness/make.ts';

const meterr = useTestApp();

async function refusedPaths(query: string): Promise<unknown> {
  const { status, error } = await meterr().rest('GET', `/v1/usage?${query}`);
  return [status, error?.code, error?.details.fields?.map(({ path }) => path)];
}

describe('a parameter of a query', () => {
  it.each([
    ['that is not known', 'colour=red', 'colour'],
    ['that every object has by nature', 'constructor=x', 'constructor'],
    ['that is given twice', 'model=a&model=b', 'model'],
    ['that is a tag without a name', 'tag.=x', 'tag.'],
    ['that is called as the tags are kept inside', 'tags=x', 'tags'],
  ])('%s is refused by its name, never left out', async (_, query, path) => {
    expect(await refusedPaths(query)).toEqual([400, 'invalid_request', [path]]);
  });

  it('that is a list is the same in one piece and one by one', async () => {
    const { key } = await makeOrganization(meterr());
    await makeUsage(meterr(), key.secret, [{}, { model: 'gpt-4o-mini', tags: { 'a.b': 'c=d&e' } }]);
    const ask = (query: string) => meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key: key.secret });
    const [one, other] = [await ask('group_by=model,provider'), await ask('group_by=model&group_by=provider')];
    expect(one).toEqual(other);
    expect(one.data).toHaveLength(2);
    const tagged = await ask(`tag.${encodeURIComponent('a.b')}=${encodeURIComponent('c=d&e')}`);
    expect(tagged.totals.requests).toBe(1);
  });
});
