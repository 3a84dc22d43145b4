import { describe, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_INPUT } from '../../harness/make.ts';

const meterr = useTestApp();

/** What one door is asked, and the name that its refusal must bear. */
type Case = [what: string, door: 'rest' | 'graphql', ask: () => Promise<{ error: object | undefined }>, named: string];

const get = (path: string) => () => meterr().rest('GET', path);
const post = (path: string, body: object) => () => meterr().rest('POST', path, { body });
const ask = (query: string, variables?: object) => () => meterr().gql(query, variables);
const RECORD = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id } }';

const cases: Case[] = [
  ['an unknown field', 'rest', post('/v1/usage', { ...EVENT, inputTokens: 1 }), 'inputTokens'],
  ['an unknown field', 'graphql', ask(RECORD, { input: { ...EVENT_INPUT, input_tokens: 1 } }), 'input_tokens'],
  ['an unknown field of an estimate', 'rest', post('/v1/costs/estimate', { ...EVENT, nope: 1 }), 'nope'],
  ['an unknown parameter', 'rest', get('/v1/usage?groupBy=model'), 'groupBy'],
  ['an unknown argument', 'graphql', ask('{ usage(group_by: []) { timezone } }'), 'group_by'],
  ['an unknown parameter of history', 'rest', get('/v1/usage/history?page=2'), 'page'],
  ['an unknown parameter of costs', 'rest', get('/v1/costs?since=x'), 'since'],
  ['an unknown parameter of prices', 'rest', get('/v1/prices?vendor=x'), 'vendor'],
  ['any parameter of one that has none', 'rest', get('/v1/me?verbose=1'), 'verbose'],
  ['any parameter of a POST', 'rest', post('/v1/usage?dry_run=1', EVENT), 'dry_run'],
  ['a parameter given twice', 'rest', get('/v1/usage?model=a&model=b'), 'model'],
  ['an unknown interval', 'rest', get('/v1/usage?interval=minute'), 'interval'],
  ['an unknown interval', 'graphql', ask('{ usage(interval: MINUTE) { timezone } }'), 'MINUTE'],
  ['an interval in the other door’s spelling', 'rest', get('/v1/usage?interval=DAY'), 'interval'],
  ['an unknown dimension', 'rest', get('/v1/usage?group_by=model,planet'), 'group_by'],
  ['an unknown dimension', 'graphql', ask('{ usage(groupBy: [{dimension: PLANET}]) { timezone } }'), 'PLANET'],
  ['an unknown period', 'rest', get('/v1/costs?period=decade'), 'period'],
  ['an unknown period', 'graphql', ask('{ costs(period: DECADE) { total } }'), 'DECADE'],
  ['an unknown zone', 'rest', get('/v1/usage?timezone=Mars/Olympus'), 'timezone'],
  ['an unknown zone', 'graphql', ask('{ usage(timezone: "Mars/Olympus") { timezone } }'), 'timezone'],
  ['an offset as a zone', 'rest', get('/v1/usage?timezone=%2B05:30'), 'timezone'],
  ['a zone of costs', 'graphql', ask('{ costs(timezone: "Nowhere") { total } }'), 'timezone'],
  ['more than three dimensions', 'rest', get('/v1/usage?group_by=model,team,user,provider'), 'group_by'],
  ['a dimension twice', 'rest', get('/v1/usage?group_by=model,model'), 'group_by'],
  ['a tag without its key', 'rest', get('/v1/usage?group_by=tag:'), 'group_by'],
  ['a limit of 0', 'rest', get('/v1/usage?limit=0'), 'limit'],
  ['a limit of 0', 'graphql', ask('{ usage(limit: 0) { timezone } }'), 'limit'],
  ['a limit above 1,000', 'rest', get('/v1/usage?limit=1001'), 'limit'],
  ['a limit that is no number', 'rest', get('/v1/usage?limit=ten'), 'limit'],
  ['a page above 1,000', 'rest', get('/v1/usage/history?limit=1001'), 'limit'],
  ['a page above 1,000', 'graphql', ask('{ usageEvents(first: 1001) { edges { cursor } } }'), 'first'],
  ['a page above 100', 'rest', get('/v1/prices?limit=101'), 'limit'],
  ['a cursor that is none', 'rest', get('/v1/usage/history?cursor=nonsense'), 'cursor'],
  ['a cursor that is none', 'graphql', ask('{ usageEvents(after: "nonsense") { edges { cursor } } }'), 'after'],
  [
    'a cursor of another list',
    'rest',
    get(`/v1/prices?cursor=${Buffer.from('usage:x').toString('base64url')}`),
    'cursor',
  ],
  [
    'a range that ends before it starts',
    'rest',
    get('/v1/usage?start=2026-11-02T00:00:00Z&end=2026-11-01T00:00:00Z'),
    'end',
  ],
  [
    'an empty range',
    'graphql',
    ask('{ usage(start: "2026-11-01T00:00:00Z", end: "2026-11-01T00:00:00Z") { timezone } }'),
    'end',
  ],
  ['a time that is none', 'rest', get('/v1/usage?start=2026-11-31T00:00:00Z'), 'start'],
  ['a time without offset', 'rest', get('/v1/usage?start=2026-11-01T00:00:00'), 'start'],
  ['a time before the year 1', 'rest', get('/v1/usage?start=0000-01-01T00:00:00Z'), 'start'],
  ['a time after the year 9999', 'rest', get('/v1/usage?end=9999-12-31T23:59:59-12:00'), 'end'],
  [
    'a time after the year 9999',
    'graphql',
    ask('{ usage(end: "9999-12-31T23:59:59-12:00") { timezone } }'),
    'RFC 3339',
  ],
  ['a team id that is none', 'rest', get('/v1/usage?team_id=research'), 'team_id'],
  [
    'a key id of another kind',
    'graphql',
    ask('{ usage(filter: {apiKeyId: "team_01h455vb4pex5vsknk084sn02q"}) { timezone } }'),
    'apiKeyId',
  ],
  ['NUL in a filter', 'rest', get('/v1/usage?model=a%00b'), 'model'],
  ['NUL in a filter of prices', 'rest', get('/v1/prices?model=a%00b'), 'model'],
  ['NUL in a tag’s key', 'rest', get('/v1/usage?tag.a%00b=1'), 'tag.a'],
  ['too many intervals', 'rest', get('/v1/usage?interval=hour&start=1970-01-01T00:00:00Z'), 'interval'],
  ['an unknown field of the answer', 'graphql', ask('{ usage { totals { total_tokens } } }'), 'total_tokens'],
  ['an unknown type of variable', 'graphql', ask('query ($a: Nope) { me { scopes } }'), 'Nope'],
  [
    'a variable of a wrong type',
    'graphql',
    ask(RECORD, { input: { ...EVENT_INPUT, inputTokens: 'many' } }),
    'inputTokens',
  ],
];

describe.each(['rest', 'graphql'])('%s refuses by name', (door) => {
  it.each(cases.filter((one) => one[1] === door))('%s (%#)', async (_what, _door, call, named) => {
    const { error } = await call();
    expect(error).toMatchObject({ code: 'invalid_request' });
    expect(JSON.stringify(error)).toContain(named);
  });
});

it('a date before 1970 and far ahead is a range like any other', async () => {
  const { ok } = meterr();
  const query = 'start=0001-01-01T00:00:00Z&end=9999-12-31T23:59:59Z';
  expect(await ok('GET', `/v1/usage?${query}`)).toMatchObject({ totals: { requests: 0 } });
  expect(await ok('GET', `/v1/usage?${query}&group_by=user`)).toMatchObject({ totals: { requests: 0 } });
  expect(await ok('GET', `/v1/usage/history?${query}`)).toMatchObject({ data: [] });
});
