import { setTimeout as pause } from 'node:timers/promises';
import { EVENT } from '../../harness/make.ts';
import type { Servers } from './servers.ts';

const WRITERS = 4;
const BATCH = 3;
const PACE_MS = 150;
const AGAIN_MS = 30;
const DAY_MS = 86_400_000;
/** Each event costs 4 cents. */
const CENTS = 4;

/** The budgets that are crossed; their limits in cents. */
export const BUDGETS = [
  { body: { name: 'Each user', amount: '0.10', period: 'day', per: 'user', thresholds: [50] }, limit: 10 },
  { body: { name: 'Each feature', amount: '0.20', period: 'month', per: 'tag:feature', thresholds: [80] }, limit: 20 },
  { body: { name: 'All', amount: '1.00', period: 'day', thresholds: [50, 80, 100] }, limit: 100 },
] as const;

interface Written {
  user_id: string;
  tags: { feature: string };
  timestamp: string;
}

/** What a writer records as its `n`-th: four writers spend for the same user, in parallel. */
function eventOf(writer: number, n: number, startedMs: number) {
  const timestamp = new Date(startedMs - (1 + (n % 3)) * DAY_MS).toISOString();
  const user = { user_id: `user-${n}`, tags: { feature: `feature-${Math.floor(n / BATCH)}` } };
  return { ...EVENT, id: `${writer}-${n}`, cost: '0.04', timestamp, ...user };
}

const subjectOf = [
  ({ user_id, timestamp }: Written) => `${user_id} on ${timestamp.slice(0, 10)}`,
  ({ tags, timestamp }: Written) => `${tags.feature} in ${timestamp.slice(0, 7)}`,
  ({ timestamp }: Written) => `on ${timestamp.slice(0, 10)}`,
];

/** How often `usage.exceeded` must be raised by what was written: once for each sum at its limit. */
export function countCrossings(written: readonly Written[]): number {
  return BUDGETS.reduce((count, { limit }, i) => {
    const sums = new Map<string, number>();
    for (const event of written) {
      const subject = subjectOf[i]?.(event) ?? '';
      sums.set(subject, (sums.get(subject) ?? 0) + CENTS);
    }
    return count + [...sums.values()].filter((sum) => sum >= limit).length;
  }, 0);
}

/**
 * Writes until `isOver`. What is not answered is sent again with the same ids, to either server.
 * @returns what was recorded, and how many requests had to be repeated
 */
export async function writeUntil(isOver: () => boolean, servers: Servers) {
  const startedMs = Date.now();
  const written: Written[] = [];
  let repeats = 0;
  const record = async (writer: number, from: number) => {
    const events = Array.from({ length: BATCH }, (_, i) => eventOf(writer, from + i, startedMs));
    for (let attempt = 0; ; attempt++) {
      const body = { events };
      const server = servers.calls(writer + from + attempt);
      const answer = await server
        .rest<{ data: { status: string }[] }>('POST', '/v1/usage/batch', { body })
        .catch(() => null);
      if (answer?.status === 200 && answer.body.data.every(({ status }) => /^(created|duplicate)$/.test(status))) break;
      if (answer && answer.status < 500) throw new Error(`A batch was refused: ${answer.text}`);
      repeats++;
      await pause(AGAIN_MS);
    }
    written.push(...events);
  };
  const write = async (writer: number) => {
    for (let from = 0; !isOver(); from += BATCH) {
      await record(writer, from);
      await pause(PACE_MS);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  return { written, repeats };
}
