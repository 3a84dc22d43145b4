import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { findPrice } from '../../src/domain/pricing/book/match-price.ts';
import { setOverrides } from '../../src/domain/pricing/book/price-book.ts';
import { PRICES_FOLDER } from '../../src/domain/pricing/catalog/load-sources.ts';
import { readPriceFeeds } from '../../src/domain/pricing/feeds/read-price-feeds.ts';
import { getPrice, listPrices } from '../../src/domain/pricing/list-prices.ts';
import type { Price } from '../../src/domain/pricing/price/price.ts';
import { getUsageEvent } from '../../src/domain/usage/find-usage-event.ts';
import { recordUsage } from '../../src/domain/usage/record-usage.ts';
import { formatId } from '../../src/platform/ids.ts';
import { openTestDomain } from '../harness/domain.ts';
import { type FedDomain, genaiData, genaiWith, openFedDomain, servesJson } from '../harness/feeds.ts';
import { EVENT_INPUT, makeOrganization } from '../harness/make.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

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
    await mkdir(SCRATCH_FOLDER, { recursive: true });
    const file = join(SCRATCH_FOLDER, `feed-${randomUUID()}.json`);
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

describe('both sources', () => {
  async function serveBoth(change: (map: Record<string, Record<string, number>>) => void): Promise<void> {
    const map = JSON.parse(await readFile(join(PRICES_FOLDER, 'sources/litellm.json'), 'utf8'));
    change(map);
    const [genai, litellm] = [await genaiWith({}), JSON.stringify(map)];
    fed.server.behave((response, received, socket) =>
      servesJson(received.path === '/genai.json' ? genai : litellm)(response, received, socket),
    );
  }

  function readBoth(resources = fed.domain.resources, day = '2026-11-28') {
    const [genai, litellm] = ['/genai.json', '/litellm.json'].map((path) => new URL(path, fed.server.url).href);
    const config = readConfig({ METERR_PRICE_FEEDS: `genai-prices=${genai},litellm=${litellm}` });
    return readPriceFeeds({ ...resources, config }, { nowMs: Date.parse(day) });
  }

  it('that say what Meterr ships change no price', async () => {
    await serveBoth(() => {});
    expect(await readBoth()).toMatchObject({ changed: 0, refused: [] });
  });

  it('a change in one of them is a new version, and what both state is compared anew', async () => {
    await serveBoth((map) => Object.assign(map['gpt-4o'] ?? {}, { input_cost_per_token: 2.6e-6 }));
    expect((await readBoth()).isImported).toBe(true);
    expect(priceAt('2026-11-28T00:00:00Z')).toMatchObject({
      agreement: 'disputed',
      dispute: expect.stringMatching(/genai-prices.*litellm|litellm.*genai-prices/i),
    });
    expect(inputAt('2026-11-28T00:00:00Z')).toBe('2.5');
  });

  it('are imported once where two processes read them at the same time', async () => {
    const other = await openTestDomain({ connectionString: fed.domain.url });
    await serveBoth((map) => Object.assign(map['gpt-4o'] ?? {}, { input_cost_per_token: 2.6e-6 }));
    const before = (await versions()).length;
    const both = await Promise.all([readBoth(), readBoth(other.resources)]);
    expect(both.map(({ isImported }) => isImported).sort()).toEqual([false, true]);
    expect(await versions()).toHaveLength(before + 1);
    await other.close();
  });
});
