import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { makeBudget, readEvents } from '../../doors/budget-answers.ts';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { type MadeOrganization, makeKey, makeOrganization, makeUsage } from '../../harness/make.ts';
import { waitUntil } from '../../harness/wait-until.ts';

let meterr: TestApp;
let url: string;
const opened: AbortController[] = [];

beforeAll(async () => {
  meterr = await createTestApp({ through: 'fetch', env: { METERR_METRICS_OPEN: 'true' } });
  const { port } = await meterr.app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${port}/graphql`;
});

afterEach(() => {
  for (const controller of opened.splice(0)) controller.abort();
});

afterAll(async () => {
  await meterr.close();
});

async function newOrganization(): Promise<MadeOrganization> {
  const organization = await makeOrganization(meterr);
  await makeBudget(meterr, organization, { amount: '0.1', per: 'user', thresholds: [] });
  return organization;
}

let users = 0;
const cross = ({ key }: MadeOrganization) =>
  makeUsage(meterr, key.secret, [{ cost: '0.1', user_id: `user-${users++}` }]);

interface Stream {
  response: Response;
  /** The text so far. */
  text(): string;
  /** The ids of the events so far. */
  ids(): string[];
  ended: Promise<string>;
  abort(): void;
}

async function open(key: string, query: string, variables: object = {}, method = 'POST'): Promise<Stream> {
  const controller = new AbortController();
  opened.push(controller);
  const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream', 'content-type': 'application/json' };
  const search = `?query=${encodeURIComponent(query)}&variables=${encodeURIComponent(JSON.stringify(variables))}`;
  const response = await fetch(method === 'GET' ? url + search : url, {
    method,
    headers,
    signal: controller.signal,
    ...(method === 'GET' ? {} : { body: JSON.stringify({ query, variables }) }),
  });
  let text = '';
  const read = async () => {
    const decoder = new TextDecoder();
    if (response.body) for await (const chunk of response.body) text += decoder.decode(chunk, { stream: true });
    return text;
  };
  const ended = read().catch((error) => String(error));
  return {
    response,
    text: () => text,
    ids: () => [...text.matchAll(/"id":"(event_[0-9a-z]+)"/g)].map(([, id = '']) => id),
    ended,
    abort: () => controller.abort(),
  };
}

const EVENTS = 'subscription ($after: ID) { events(after: $after) { id } }';

it.each(['GET', 'POST'])('%s with Accept: text/event-stream replays, then tells what happens', async (method) => {
  const organization = await newOrganization();
  for (let i = 0; i < 3; i++) await cross(organization);
  const [first] = (await readEvents<object>(meterr, organization.key.secret)).map(({ id }) => id);
  const stream = await open(organization.key.secret, EVENTS, { after: first }, method);
  expect(stream.response.status).toBe(200);
  expect(stream.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  await waitUntil('what was missed is told', () => stream.ids().length === 2);
  await cross(organization);
  await waitUntil('what happens is told', () => stream.ids().length === 3);
  const log = (await readEvents<object>(meterr, organization.key.secret)).map(({ id }) => id);
  expect(stream.ids()).toEqual(log.slice(1));
  for (const line of stream.text().trimEnd().split('\n\n')) expect(line).toMatch(/^event: next\ndata: \{"data":/);
});

it('a stream ends when its key is revoked', async () => {
  const organization = await newOrganization();
  const key = await makeKey(meterr, organization, { scopes: ['events:read'] });
  const stream = await open(key.secret, EVENTS);
  await meterr.sql.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [key.uuid]);
  expect(await stream.ended).toBe('');
});

it('an error before the stream, and one of a wrong place, are answered in it, and it completes', async () => {
  const organization = await newOrganization();
  const stream = await open(organization.key.secret, EVENTS, { after: 'event_01h455vb4pex5vsknk084sn02q' });
  expect(await stream.ended).toMatch(
    /^event: next\ndata: \{"errors":.*"invalid_request".*\n\nevent: complete\ndata:\n\n$/s,
  );
});

it('a subscription that takes only JSON is refused, and says what to do', async () => {
  const { secret } = (await newOrganization()).key;
  const answer = await meterr.gql(EVENTS, {}, { key: secret });
  expect(answer.errors).toMatchObject([
    { message: expect.stringContaining('text/event-stream'), extensions: { code: 'invalid_request' } },
  ]);
});

it('a reader that goes away is forgotten', async () => {
  const organization = await newOrganization();
  const countStreams = async () => {
    const { text } = await meterr.rest('GET', '/metrics', { key: null });
    return Number(/^meterr_event_streams (\d+)$/m.exec(text)?.[1]);
  };
  await waitUntil('the streams of the other tests are gone', async () => (await countStreams()) === 0);
  const stream = await open(organization.key.secret, EVENTS);
  expect(await countStreams()).toBe(1);
  stream.abort();
  await waitUntil('it is gone', async () => (await countStreams()) === 0);
});

it('streams end when the server stops', async () => {
  const other = await createTestApp({ through: 'fetch', connectionString: meterr.connectionString });
  const { port } = await other.app.listen(0, '127.0.0.1');
  const before = url;
  url = `http://127.0.0.1:${port}/graphql`;
  const stream = await open(meterr.adminKey, EVENTS);
  url = before;
  await other.close();
  expect(await stream.ended).toBe('');
});
