import { z } from 'zod';
import { readGenaiSource } from '../catalog/read-genai.ts';
import { readLitellmSource } from '../catalog/read-litellm.ts';
import type { SourceData } from '../catalog/sheets/source-data.ts';
import type { FeedSource } from './feed-addresses.ts';
import { FeedFailure } from './feed-failure.ts';
import { litellmFile } from './litellm-schema.ts';

const MAX_REASON_LENGTH = 300;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FeedFailure('invalid', 'the answer is not JSON, or not all of it');
  }
}

/** The first problem, in one line. */
function explain(error: unknown): string {
  const [issue] = error instanceof z.ZodError ? error.issues : [];
  if (issue) return `the answer has the wrong form at "${issue.path.map(String).join('.')}": ${issue.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** Which source a text is of: a list is genai-prices, an object litellm. */
export function sourceOf(text: string): FeedSource {
  return Array.isArray(parse(text)) ? 'genai-prices' : 'litellm';
}

/**
 * Reads the text of a source.
 * @param version what the prices name as theirs
 * @throws FeedFailure where it is not what that source publishes, whole
 */
export function checkFeed(source: FeedSource, text: string, version: string): SourceData {
  const json = parse(text);
  let data: SourceData;
  try {
    if (source === 'litellm') litellmFile.parse(json);
    data = source === 'litellm' ? readLitellmSource(text, version) : readGenaiSource(json, version);
  } catch (error) {
    throw new FeedFailure('invalid', explain(error).replaceAll(/\s+/g, ' ').slice(0, MAX_REASON_LENGTH));
  }
  if (data.models.length === 0) throw new FeedFailure('invalid', 'the answer has no models');
  return data;
}
