import { isAbsolute, join } from 'node:path';

/** The public sources of prices, in the order in which they are believed. */
export const FEED_SOURCES = ['genai-prices', 'litellm'] as const;
export type FeedSource = (typeof FEED_SOURCES)[number];

/**
 * Where the sources publish themselves. genai-prices: the package's own `REMOTE_DATA_JSON_URL`; the
 * file `prices/data.json` beside it is frozen. litellm: the address that LiteLLM's proxy reads at its
 * start (docs.litellm.ai, "Model Cost Map").
 */
export const PUBLIC_ADDRESSES: ReadonlyMap<FeedSource, string> = new Map([
  ['genai-prices', 'https://raw.githubusercontent.com/pydantic/genai-prices/main/prices/new_data/v2/data.json'],
  ['litellm', 'https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json'],
]);

/** A place that prices are read from. */
export interface FeedAddress {
  /** Null: of one's own, and its content tells which source it is. */
  source: FeedSource | null;
  /** An http or https URL, or the absolute path of a file. */
  location: string;
  /** Whether the operator wrote it, who may name private addresses. */
  isOwn: boolean;
}

/** What `METERR_PRICE_FEEDS` must be, for an error message. */
export const PRICE_FEEDS_FORM =
  'on, off, or URLs and files separated by commas, each with or without its source in front: ' +
  'genai-prices=https://mirror.example.com/data.json,litellm=/srv/prices/litellm.json';

const isSource = (name: string): name is FeedSource => FEED_SOURCES.some((source) => source === name);

function isUsableUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function publicFeed(source: FeedSource): FeedAddress {
  return { source, location: PUBLIC_ADDRESSES.get(source) ?? '', isOwn: false };
}

/** Undefined: the entry is invalid. */
function readEntry(entry: string, root: string): FeedAddress | undefined {
  const at = entry.indexOf('=');
  const name = entry.slice(0, Math.max(at, 0));
  const source = isSource(name) ? name : null;
  const location = source === null ? entry : entry.slice(at + 1);
  if (source !== null && location === 'on') return publicFeed(source);
  if (location === '' || location === 'on' || location === 'off') return undefined;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) {
    return isUsableUrl(location) ? { source, location, isOwn: true } : undefined;
  }
  return { source, location: isAbsolute(location) ? location : join(root, location), isOwn: true };
}

/**
 * Reads `METERR_PRICE_FEEDS`. `on` is both public addresses, `off` none. A source that a list leaves
 * out is not read; `genai-prices=on` in a list is its public address.
 * @param root what a relative path begins at
 * @returns undefined where the text is invalid, also where a source is named twice
 */
export function readFeedAddresses(text: string, root: string): FeedAddress[] | undefined {
  if (text === 'off') return [];
  if (text === 'on') return FEED_SOURCES.map(publicFeed);
  const feeds = text.split(',').map((entry) => readEntry(entry.trim(), root));
  const named = feeds.flatMap((feed) => feed?.source ?? []);
  if (feeds.length > FEED_SOURCES.length || new Set(named).size < named.length) return undefined;
  const valid = feeds.filter((feed) => feed !== undefined);
  return valid.length === feeds.length ? valid : undefined;
}
