import type { z } from 'zod';
import type { FeedSource } from './feed-addresses.ts';
import { FeedFailure } from './feed-failure.ts';
import { genaiFeed, litellmFeed } from './feed-schemas.ts';

/** What a source says, checked. */
export type CheckedFeed =
  | { source: 'genai-prices'; data: z.infer<typeof genaiFeed>; models: number }
  | { source: 'litellm'; data: z.infer<typeof litellmFeed>; models: number };

/** The first key of LiteLLM's map, which documents the others. */
const SAMPLE = 'sample_spec';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FeedFailure('invalid', 'the answer is not JSON, or not all of it');
  }
}

function check<T>(schema: z.ZodType<T>, json: unknown): T {
  const checked = schema.safeParse(json);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const path = issue?.path.map(String).join('.').slice(0, 200) ?? '';
  throw new FeedFailure('invalid', `the answer has the wrong form at "${path}": ${issue?.message.slice(0, 200)}`);
}

function read(source: FeedSource, json: unknown): CheckedFeed {
  if (source === 'genai-prices') {
    const data = check(genaiFeed, json);
    return { source, data, models: data.reduce((sum, { models }) => sum + models.length, 0) };
  }
  const { [SAMPLE]: _, ...data } = check(litellmFeed, json);
  return { source, data, models: Object.keys(data).length };
}

/**
 * Reads the text of a source.
 * @param source null: a list is genai-prices, an object litellm
 * @throws FeedFailure where it is not what that source publishes, whole
 */
export function checkFeed(source: FeedSource | null, text: string): CheckedFeed {
  const json = parse(text);
  const feed = read(source ?? (Array.isArray(json) ? 'genai-prices' : 'litellm'), json);
  if (feed.models === 0) throw new FeedFailure('invalid', 'the answer has no models');
  return feed;
}
