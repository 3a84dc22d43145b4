import { ASKED_DAYS, DAY_MS, type Shape } from './shape.ts';

/** History is read to this page. */
export const PAGES = 1_000;
export const PAGE_SIZE = 100;

/** One question by HTTP, as the large tenant asks it. */
export interface Question {
  what: string;
  path: string;
  /** Wanted, in seconds. */
  limitSeconds: number;
  /** The time whose events are the caller's own range; null: all of them. */
  ownRange: { startMs: number; endMs: number } | null;
}

function span(startMs: number, endMs: number): string {
  return `start=${new Date(startMs).toISOString()}&end=${new Date(endMs).toISOString()}`;
}

/**
 * All but the pages of history: sums over the last 31 days or the last year, and a search that
 * finds nothing.
 */
export function listQuestions({ endMs, users }: Shape): Question[] {
  const month = { startMs: endMs - ASKED_DAYS * DAY_MS, endMs };
  const year = { startMs: endMs - 365 * DAY_MS, endMs };
  const ask = (what: string, query: string, limitSeconds = 1, ownRange = month): Question => {
    return { what, path: `/v1/usage?${span(ownRange.startMs, ownRange.endMs)}&${query}`, limitSeconds, ownRange };
  };
  return [
    ask('by hour and user', 'interval=hour&group_by=user', 3),
    ask('by hour with a tag filter', 'interval=hour&tag.env=prod', 3),
    ask('by user', 'group_by=user'),
    ask('one user', `user_id=user-${Math.floor(users / 2)}`),
    ask('by tag', 'group_by=tag:env'),
    ask('by model for a year by day', 'interval=day&group_by=model', 1, year),
    {
      what: 'history by a tag that no event carries',
      path: `/v1/usage/history?limit=${PAGE_SIZE}&tag.feature=absent`,
      limitSeconds: 1,
      ownRange: null,
    },
  ];
}

/** One page of history, newest first. */
export function historyPath(cursor: string | null): string {
  return `/v1/usage/history?limit=${PAGE_SIZE}${cursor === null ? '' : `&cursor=${cursor}`}`;
}
