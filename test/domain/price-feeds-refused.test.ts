import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { findPrice } from '../../src/domain/pricing/book/match-price.ts';
import { readFeed } from '../../src/domain/pricing/feeds/read-feed.ts';
import { readPriceFeeds } from '../../src/domain/pricing/feeds/read-price-feeds.ts';
import { type FedDomain, genaiWith, openFedDomain, servesJson } from '../harness/feeds.ts';
import { answerWith, type Behaviour } from '../harness/receiver.ts';

// A source of prices that answers badly: nothing of it is imported, and one line says why.

let fed: FedDomain;
beforeAll(async () => {
  fed = await openFedDomain();
});
afterAll(() => fed.close());

async function inForce() {
  const { sql, resources } = fed.domain;
  const { rows } = await sql.query(
    'SELECT (SELECT count(*)::int FROM catalog_versions) AS versions, (SELECT count(*)::int FROM prices) AS prices, (SELECT count(*)::int FROM price_feeds) AS feeds',
  );
  const timeMs = Date.parse('2026-11-23T00:00:00Z');
  return { ...rows[0], price: findPrice(resources.prices, { provider: 'openai', model: 'gpt-4o', timeMs }) };
}

async function countOf(outcome: string): Promise<number> {
  const { text } = await fed.domain.resources.metrics.print();
  const line = `meterr_price_feed_imports_total{source="genai-prices",outcome="${outcome}"} `;
  const found = text.split('\n').find((one) => one.startsWith(line));
  return found ? Number(found.slice(line.length)) : 0;
}

const half = (text: string) => text.slice(0, text.length / 2);
const trickle: Behaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 10);
  response.once('close', () => clearInterval(timer));
};
const answers: Record<string, [behaviour: (good: string) => Behaviour, outcome: string, reason: RegExp]> = {
  'an internal error': [() => answerWith(500, {}, 'oops'), 'unreachable', /status 500/],
  'not found': [() => answerWith(404), 'unreachable', /status 404/],
  'a page of HTML': [() => answerWith(200, {}, '<!doctype html><title>Login</title>'), 'invalid', /not JSON/],
  'half a file': [(good) => answerWith(200, {}, half(good)), 'invalid', /not all of it/],
  'half of what it promised': [
    (good) => (response) => {
      response.writeHead(200, { 'content-length': good.length });
      response.write(half(good), () => response.destroy());
    },
    'unreachable',
    /closed/,
  ],
  'bytes that are not UTF-8': [() => (response) => response.end(Buffer.from([0x5b, 0xff, 0x5d])), 'invalid', /UTF-8/],
  'another JSON': [() => servesJson('{"error": "rate limited"}'), 'invalid', /wrong form/],
  'an empty list': [() => servesJson('[]'), 'invalid', /no models/],
  'a price that is a text': [
    (good) => servesJson(good.replace('"input_mtok":2.5,', '"input_mtok":"2.5",')),
    'invalid',
    /wrong form/,
  ],
  'a price below 0': [
    (good) => servesJson(good.replace('"input_mtok":2.5,', '"input_mtok":-2.5,')),
    'invalid',
    /wrong form/,
  ],
  'a list that lost more than half of its models': [
    (good) => servesJson(JSON.stringify(JSON.parse(good).slice(0, 3))),
    'invalid',
    /models, where \d+ were known/,
  ],
  'a redirect to a private address': [
    () => answerWith(302, { location: 'http://127.0.0.1:9999/genai.json' }),
    'unreachable',
    /after a redirect, the URL must not lead to a private/,
  ],
  'a rule that is no regular expression': [
    (good) => servesJson(good.replace('"match":{', '"match":{"regex":"(",')),
    'invalid',
    /regular expression/,
  ],
  'a connection that it closes': [() => (_, __, socket) => socket.destroy(), 'unreachable', /closed/],
};

it.each(Object.entries(answers))(
  'nothing is imported, and it is counted, of %s',
  async (_, [behave, outcome, reason]) => {
    const [before, counted] = [await inForce(), await countOf(outcome)];
    fed.server.behave(behave(await genaiWith({ 'gpt-4o': 3 })));
    const report = await fed.read();
    expect(report).toMatchObject({ isImported: false, sources: [{ source: 'genai-prices', outcome }] });
    expect(report.sources[0]?.reason).toMatch(reason);
    expect(report.sources[0]?.reason).not.toContain('\n');
    expect(await inForce()).toEqual(before);
    expect(await countOf(outcome)).toBe(counted + 1);
  },
);

it('a body that comes a byte at a time is given up after its time', async () => {
  fed.server.behave(trickle);
  const { sources } = await fed.read('2026-11-22', { timeoutMs: 200 });
  expect(sources).toMatchObject([{ outcome: 'unreachable', reason: 'no whole answer within 0.2 s' }]);
});

it('of a body that is too large the rest is not read', async () => {
  fed.server.behave(servesJson(`[${' '.repeat(2_000_000)}]`));
  const { sources } = await fed.read('2026-11-22', { maxBytes: 1_000_000 });
  expect(sources).toMatchObject([{ outcome: 'unreachable', reason: 'the answer is larger than 1000000 bytes' }]);
});

it('one line of the log says which source, where, what and why, without what its URL keeps secret', async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  const location = `${new URL('/prices.json', fed.server.url).href}?token=secret`;
  const config = readConfig({ METERR_PRICE_FEEDS: `litellm=${location}` });
  fed.server.behave(answerWith(503));
  await readPriceFeeds({ ...fed.domain.resources, config, log });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      source: 'litellm',
      location: location.split('?')[0],
      msg: 'prices were not imported: the answer has the status 503',
    },
  ]);
  expect(lines.join()).not.toContain('secret');
});

it('a read that is given up for the end of the server is no failure of its source', async () => {
  const stopping = new AbortController();
  fed.server.behave(() => stopping.abort(new Error('the server is stopping')));
  const counted = await countOf('unreachable');
  const { nowMs, signal } = { nowMs: Date.parse('2026-11-22'), signal: stopping.signal };
  await expect(readPriceFeeds(fed.domain.resources, { nowMs, signal })).rejects.toThrow('the server is stopping');
  expect(await countOf('unreachable')).toBe(counted);
});

it('a public address whose name leads to a private one is not called; an address of one’s own may be private', async () => {
  const port = new URL(fed.server.url).port;
  const read = (isOwn: boolean) =>
    readFeed(
      { source: 'litellm', location: `http${isOwn ? '' : 's'}://feeds.invalid:${port}/prices.json`, isOwn },
      { resolve: async () => ['127.0.0.1'] },
    );
  fed.server.behave(servesJson('{}'));
  const before = fed.server.received.length;
  await expect(read(false)).rejects.toThrow('the address is private');
  expect(fed.server.received).toHaveLength(before);
  expect(await read(true)).toBe('{}');
});

it('a source that fails keeps nobody from importing the other one', async () => {
  const [good, bad] = ['/genai.json', '/litellm.json'].map((path) => new URL(path, fed.server.url).href);
  const config = readConfig({ METERR_PRICE_FEEDS: `genai-prices=${good},litellm=${bad}` });
  const text = await genaiWith({ 'gpt-4o': 3 });
  fed.server.behave((response, received, socket) => {
    const behave = received.path === '/genai.json' ? servesJson(text) : answerWith(500);
    behave(response, received, socket);
  });
  const { sources, isImported } = await readPriceFeeds({ ...fed.domain.resources, config });
  expect(sources).toMatchObject([{ outcome: 'imported' }, { source: 'litellm', outcome: 'unreachable' }]);
  expect(isImported).toBe(true);
});
