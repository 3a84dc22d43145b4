import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { findPrice } from '../../src/domain/pricing/book/match-price.ts';
import { setOverrides } from '../../src/domain/pricing/book/price-book.ts';
import { readPriceFeeds } from '../../src/domain/pricing/feeds/read-price-feeds.ts';
import { getPrice, listPrices } from '../../src/domain/pricing/list-prices.ts';
import type { Price } from '../../src/domain/pricing/price/price.ts';
import { getUsageEvent } from '../../src/domain/usage/find-usage-event.ts';
import { recordUsage } from '../../src/domain/usage/record-usage.ts';
import { formatId } from '../../src/platform/ids.ts';
import { type FedDomain, genaiData, genaiWith, openFedDomain, servesJson } from '../harness/feeds.ts';
import { EVENT_INPUT, makeOrganization } from '../harness/make.ts';
import { answerWith, type Behaviour } from '../harness/receiver.ts';

let fed: FedDomain;
beforeEach(async () => {
  fed = await openFedDomain();
});
afterEach(() => fed.close());

function priceAt(time: string, model = 'gpt-4o'): Price {
  const found = findPrice(fed.domain.resources.prices, { provider: 'openai', model, timeMs: Date.parse(time) });
  if ('reason' in found) throw new Error(found.reason);
  return found;
}

const inputAt = (time: string, model?: string) =>
  priceAt(time, model).units.find(({ unit }) => unit === 'input_tokens')?.price;

async function versions(): Promise<string[]> {
  const { rows } = await fed.domain.sql.query('SELECT version FROM catalog_versions ORDER BY imported_at');
  return rows.map(({ version }) => version);
}

const owner = async () => fed.domain.contextOf(await makeOrganization(fed.domain));

describe('a source that answers well', () => {
  it('brings a changed price, from that day on; a price id of before still leads to what it was', async () => {
    const before = priceAt('2026-11-23T00:00:00Z');
    fed.server.behave(servesJson(await genaiWith({ 'gpt-4o': 3 })));
    expect(await fed.read()).toMatchObject({ isImported: true, sources: [{ outcome: 'imported', reason: null }] });
    expect(inputAt('2026-11-21T23:59:59.999Z')).toBe('2.5');
    expect(inputAt('2026-11-22T00:00:00Z')).toBe('3');
    const old = await getPrice(await owner(), formatId('price', before.id));
    expect(old).toMatchObject({ units: before.units, validTo: null, agreement: 'single' });
    const { rows } = await fed.domain.sql.query('SELECT DISTINCT version FROM catalog_entries');
    expect(rows).toEqual([{ version: (await versions()).at(-1) }]);
  });

  it('brings a new model, for all time, and queues the pricing of what had no price', async () => {
    const data = await genaiData();
    data
      .find(({ id }) => id === 'openai')
      ?.models.push({
        id: 'gpt-99',
        match: { equals: 'gpt-99' },
        prices: { input_mtok: 7, output_mtok: 9 },
      });
    fed.server.behave(servesJson(JSON.stringify(data)));
    await fed.read();
    expect(inputAt('2020-01-01T00:00:00Z', 'gpt-99')).toBe('7');
    const { rows } = await fed.domain.sql.query(
      "SELECT count(*)::int AS queued FROM graphile_worker.jobs WHERE task_identifier = 'price-unpriced-usage'",
    );
    expect(rows).toEqual([{ queued: 1 }]);
  });

  it('that says the same again is no new version, and keeps its version from the day it said it first', async () => {
    fed.server.behave(servesJson(await genaiWith({ 'gpt-4o': 3 })));
    await fed.read();
    const before = await versions();
    expect(await fed.read('2026-11-25')).toMatchObject({ isImported: false, sources: [{ outcome: 'unchanged' }] });
    expect(await versions()).toEqual(before);
    expect(priceAt('2026-11-25T00:00:00Z').sources).toEqual([
      { name: 'genai-prices', version: expect.stringMatching(/^2026-11-22\.[0-9a-f]{12}$/) },
    ]);
  });

  it('and goes back to what it said before is a new version again', async () => {
    for (const [day, price] of [
      ['2026-11-22', 3],
      ['2026-11-22', 4],
      ['2026-11-22', 3],
    ] as const) {
      fed.server.behave(servesJson(await genaiWith({ 'gpt-4o': price })));
      await fed.read(day);
      expect(inputAt('2026-11-23T00:00:00Z')).toBe(String(price));
    }
    expect(new Set(await versions()).size).toBe(4);
  });

  it('may be a file of one’s own, whose content tells which source it is', async () => {
    const file = join(tmpdir(), `meterr-feed-${process.pid}.json`);
    await writeFile(file, await genaiWith({ 'gpt-4o': 3 }));
    const config = readConfig({ METERR_PRICE_FEEDS: file });
    const { resources } = fed.domain;
    const report = await readPriceFeeds({ ...resources, config }, { nowMs: Date.parse('2026-11-22') });
    expect(report).toMatchObject({ isImported: true, sources: [{ source: 'genai-prices', outcome: 'imported' }] });
    expect(inputAt('2026-11-22T00:00:00Z')).toBe('3');
  });
});

it('a price a hundred times too high is not imported: it is listed as disputed, and the others are imported', async () => {
  fed.server.behave(servesJson(await genaiWith({ 'gpt-4o': 250, 'gpt-4o-mini': 0.2 })));
  const { refused } = await fed.read();
  const ofOpenai = refused.filter(({ provider }) => provider === 'openai');
  expect(ofOpenai).toContainEqual(expect.objectContaining({ model: 'gpt-4o', known: '2.5', refused: '250' }));
  for (const one of ofOpenai) expect(one).toMatchObject({ known: '2.5', refused: '250' });
  expect(inputAt('2026-11-23T00:00:00Z')).toBe('2.5');
  expect(inputAt('2026-11-23T00:00:00Z', 'gpt-4o-mini')).toBe('0.2');
  const context = await owner();
  const listDisputed = async () =>
    (await listPrices(context, { provider: 'openai', model: 'gpt-4o', agreement: 'disputed' })).items;
  expect(await listDisputed()).toMatchObject([
    { agreement: 'disputed', dispute: expect.stringContaining(' 250 USD ') },
  ]);
  fed.server.behave(servesJson(await genaiWith({})));
  await fed.read('2026-11-23');
  expect(JSON.stringify(await listDisputed())).not.toContain(' 250 USD ');
});

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

describe('nothing is imported, one line is logged and it is counted, when a source answers with', () => {
  it.each(Object.entries(answers))('%s', async (_, [behave, outcome, reason]) => {
    const before = await versions();
    fed.server.behave(behave(await genaiWith({ 'gpt-4o': 3 })));
    const report = await fed.read();
    expect(report).toMatchObject({ isImported: false, sources: [{ source: 'genai-prices', outcome }] });
    expect(report.sources[0]?.reason).toMatch(reason);
    expect(report.sources[0]?.reason).not.toContain('\n');
    expect(await versions()).toEqual(before);
    expect(inputAt('2026-11-23T00:00:00Z')).toBe('2.5');
    const { text } = await fed.domain.resources.metrics.print();
    expect(text).toContain(`meterr_price_feed_imports_total{source="genai-prices",outcome="${outcome}"} 1`);
    expect(text).toMatch(/^meterr_price_catalog_age_seconds \d/m);
  });

  it('a body that comes a byte at a time: it is given up after its time', async () => {
    fed.server.behave(trickle);
    const { sources } = await fed.read('2026-11-22', { timeoutMs: 200 });
    expect(sources).toMatchObject([{ outcome: 'unreachable', reason: 'no whole answer within 0.2 s' }]);
  });

  it('a body that is too large, whose rest is not read', async () => {
    fed.server.behave(servesJson(`[${' '.repeat(2_000_000)}]`));
    const { sources } = await fed.read('2026-11-22', { maxBytes: 1_000_000 });
    expect(sources).toMatchObject([{ outcome: 'unreachable', reason: 'the answer is larger than 1000000 bytes' }]);
  });
});

it('an event that is recorded keeps its cost, and its price id leads to the price of then', async () => {
  const context = await owner();
  const { id, cost, priceId } = (await recordUsage(context, EVENT_INPUT)).event;
  fed.server.behave(servesJson(await genaiWith({ 'gpt-4o': 3 })));
  await fed.read();
  expect(await getUsageEvent(context, formatId('usageEvent', id))).toMatchObject({ cost, priceId });
  const { units } = await getPrice(context, formatId('price', priceId ?? ''));
  expect(units).toContainEqual({ unit: 'input_tokens', price: '2.5', per: 1_000_000, tiers: [] });
  const again = (await recordUsage(context, EVENT_INPUT)).event;
  expect(again.priceId).not.toBe(priceId);
});

it('a price of an organization’s own is in force after the import as before', async () => {
  const context = await owner();
  const own = { ...priceAt('2026-11-22T10:00:00Z'), organizationId: context.caller.organization.id };
  setOverrides(fed.domain.resources.prices, own.organizationId, [
    { ...own, id: randomUUID(), match: { equals: 'gpt-4o' } },
  ]);
  fed.server.behave(servesJson(await genaiWith({ 'gpt-4o': 3 })));
  expect(await fed.read()).toMatchObject({ isImported: true });
  const { costSource } = (await recordUsage(context, EVENT_INPUT)).event;
  expect(costSource).toBe('override');
});
