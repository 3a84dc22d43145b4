import { setTimeout as pause } from 'node:timers/promises';
import type { BatchAnswer, UsageEventAnswer } from './answers.ts';
import { EVENT } from './make.ts';

/** The server and the key of the next requests. Both change when a server is restarted. */
export interface Target {
  url: string;
  key: string;
}

/** What the server answered to a load, for comparison with what it has stored. */
export interface LoadReport {
  /** The usage id of each event id. Every event was sent until it was acknowledged. */
  byEventId: Map<string, string>;
  /** The usage ids of events sent once and without an id, by user; null: no answer came. */
  byUser: Map<string, string | null>;
  /** The number of acknowledgements of events that were sent again. */
  repeats: number;
  /** The number of failures of each kind: a status with its code, or `network`. */
  failures: Record<string, number>;
}

export interface UsageLoad {
  /** Resolves when `requests` more requests have been acknowledged. Rejects when a lane fails. */
  acknowledged(requests: number): Promise<void>;
  /**
   * Stops after each lane has finished its current request.
   * @throws Error when the server gave a wrong answer
   */
  stop(): Promise<LoadReport>;
}

const RETRY_PAUSE_MS = 10;
const BATCH_EVENTS = 20;
/** Above the number of events that makes the server open a second transaction. */
const LARGE_BATCH_EVENTS = 600;
const LANES = { single: 6, batch: 2, large: 2, graphql: 2, anonymous: 3 } as const;
const MUTATION = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id } }';

/**
 * Starts lanes that write without pause: single events, small and large batches, GraphQL, and
 * events without an id. Each request awaits `target`, which resolves when a server is up. Event ids
 * begin with `name`.
 */
export function startLoad(name: string, target: () => Promise<Target>): UsageLoad {
  const report: LoadReport = { byEventId: new Map(), byUser: new Map(), repeats: 0, failures: {} };
  const waiting: { left: number; resolve(): void; reject(error: unknown): void }[] = [];
  let stopped = false;
  let count = 0;

  function acknowledge(): void {
    for (const one of waiting.splice(0)) {
      one.left--;
      if (one.left <= 0) one.resolve();
      else waiting.push(one);
    }
  }

  /**
   * Sends one request. Returns the body of a 2xx, or null on a 5xx or when no answer came.
   * @throws Error on any other answer
   */
  async function send(path: string, body: object): Promise<unknown> {
    const { url, key } = await target();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) }).catch(
      () => null,
    );
    const text = await response?.text().catch(() => null);
    if (!response || text === null || text === undefined) return fail('network');
    const answer = JSON.parse(text);
    const code = answer.errors?.[0]?.extensions?.code;
    if (response.status === 503 && !response.headers.has('retry-after')) return fail('503 without Retry-After');
    if (response.status >= 500 || code === 'internal_error' || code === 'unavailable') {
      return fail(`${response.status} ${answer.error?.code ?? code}`);
    }
    if (response.status >= 300 || code) throw new Error(`${path} was answered ${response.status} ${text}`);
    acknowledge();
    return answer;
  }

  function fail(kind: string): null {
    report.failures[kind] = (report.failures[kind] ?? 0) + 1;
    return null;
  }

  async function sendUntilAnswered(path: string, body: object): Promise<unknown> {
    for (;;) {
      const answer = await send(path, body);
      if (answer !== null) return answer;
      await pause(RETRY_PAUSE_MS);
    }
  }

  function note(eventId: string, usageId: string): void {
    const earlier = report.byEventId.get(eventId);
    if (earlier !== undefined && earlier !== usageId) throw new Error(`${eventId} is ${earlier} and ${usageId}`);
    if (earlier !== undefined) report.repeats++;
    report.byEventId.set(eventId, usageId);
  }

  const nextEvent = () => ({ ...EVENT, id: `${name}-${count++}` });

  async function sendBatch(size: number): Promise<void> {
    const events = Array.from({ length: size }, nextEvent);
    const { data } = (await sendUntilAnswered('/v1/usage', { events })) as BatchAnswer;
    for (const { index, status, id } of data) {
      if (status !== 'created' && status !== 'duplicate') {
        throw new Error(`an event of a batch was answered ${JSON.stringify(data[index])}`);
      }
      note(events[index]?.id ?? '', id ?? '');
    }
  }

  const lanes: Record<keyof typeof LANES, () => Promise<void>> = {
    async single() {
      const event = nextEvent();
      note(event.id, ((await sendUntilAnswered('/v1/usage', event)) as UsageEventAnswer).id);
      // Some events are sent again, as by a client that lost the answer.
      if (count % 5 === 0) note(event.id, ((await sendUntilAnswered('/v1/usage', event)) as UsageEventAnswer).id);
    },
    batch: () => sendBatch(BATCH_EVENTS),
    large: () => sendBatch(LARGE_BATCH_EVENTS),
    async graphql() {
      const { input_tokens: inputTokens, output_tokens: outputTokens, ...event } = nextEvent();
      const variables = { input: { ...event, inputTokens, outputTokens } };
      const answer = await sendUntilAnswered('/graphql', { query: MUTATION, variables });
      note(event.id, (answer as { data: { recordUsage: { id: string } } }).data.recordUsage.id);
    },
    async anonymous() {
      const user = `${name}-once-${count++}`;
      const answer = (await send('/v1/usage', { ...EVENT, user_id: user })) as UsageEventAnswer | null;
      report.byUser.set(user, answer?.id ?? null);
      if (answer === null) await pause(RETRY_PAUSE_MS);
    },
  };

  const running = Object.entries(LANES).flatMap(([name, many]) =>
    Array.from({ length: many }, async () => {
      while (!stopped) await lanes[name as keyof typeof LANES]();
    }),
  );
  const all = Promise.all(running);
  all.catch((error) => {
    stopped = true;
    for (const one of waiting.splice(0)) one.reject(error);
  });

  return {
    acknowledged: (left) =>
      Promise.race([
        new Promise<void>((resolve, reject) => waiting.push({ left, resolve, reject })),
        all.then(() => Promise.reject(new Error('the load has ended'))),
      ]),
    async stop() {
      stopped = true;
      await all;
      return report;
    },
  };
}
