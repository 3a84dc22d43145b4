import { waitForUpdate } from '@pydantic/genai-prices';
import { FEED_LIMITS, type FeedLimits } from '../../src/domain/pricing/feeds/read-feed.ts';
import { readPriceFeeds } from '../../src/domain/pricing/feeds/read-price-feeds.ts';
import { openTestDomain, type TestDomain } from './domain.ts';
import { answerWith, type Behaviour, type Receiver, startReceiver } from './receiver.ts';

type Prices = Record<string, number>;

/** A model in the form of genai-prices. */
export interface FeedModel {
  id: string;
  match: object;
  prices: Prices | { constraint?: object; prices: Prices }[];
}

export interface FeedProvider {
  id: string;
  name: string;
  models: FeedModel[];
}

/** What genai-prices publishes, as its package has it. Each call makes a new one, to be changed. */
export async function genaiData(): Promise<FeedProvider[]> {
  return JSON.parse(JSON.stringify(await waitForUpdate()));
}

export function modelOf(data: readonly FeedProvider[], provider: string, model: string): FeedModel {
  const found = data.find(({ id }) => id === provider)?.models.find(({ id }) => id === model);
  if (!found) throw new Error(`There is no ${provider} ${model}.`);
  return found;
}

/** The list of genai-prices with other input prices of models of OpenAI, in USD for a million. */
export async function genaiWith(prices: Prices): Promise<string> {
  const data = await genaiData();
  for (const [model, price] of Object.entries(prices)) {
    const found = modelOf(data, 'openai', model);
    found.prices = { ...(found.prices as Prices), input_mtok: price };
  }
  return JSON.stringify(data);
}

export const servesJson = (body: string): Behaviour => answerWith(200, { 'content-type': 'application/json' }, body);

/** A domain whose prices come from a server of the test's. */
export interface FedDomain {
  domain: TestDomain & { url: string };
  server: Receiver;
  /** What the domain's METERR_PRICE_FEEDS is. */
  env: Record<string, string>;
  /** Reads the feeds on a day, by default on 22 November 2026. */
  read(day?: string, limits?: Partial<FeedLimits>): ReturnType<typeof readPriceFeeds>;
  close(): Promise<void>;
}

export async function openFedDomain(): Promise<FedDomain> {
  const server = await startReceiver();
  const env = { METERR_PRICE_FEEDS: `genai-prices=${new URL('/genai.json', server.url).href}` };
  const domain = await openTestDomain({ env });
  return {
    domain,
    server,
    env,
    read: (day = '2026-11-22', limits = {}) =>
      readPriceFeeds(domain.resources, {
        nowMs: Date.parse(`${day}T15:00:00Z`),
        limits: { ...FEED_LIMITS, ...limits },
      }),
    async close() {
      await domain.close();
      await server.close();
    },
  };
}
