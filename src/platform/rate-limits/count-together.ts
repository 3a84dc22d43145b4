import { setTimeout as pause } from 'node:timers/promises';

/** Counts calls of a key. Null: the store could not be asked, and nobody knows the count. */
export type Count = (key: string, calls: number) => Promise<number | null>;

interface Waiting {
  calls: number;
  settle: (count: number | null) => void;
}

/**
 * Where calls wait for each other, a statement begins at the earliest so long after the one before:
 * the more calls share one, the less each of them costs. A call that comes alone never waits.
 */
const BETWEEN_STATEMENTS_MS = 2;

/**
 * Counts calls of one key together: while one statement is under way, what arrives waits, and is
 * then counted by the next. A statement that adds n and returns c has given its calls the numbers
 * c - n + 1 to c, in their order of arrival, so each call gets the very count that it would have
 * got alone. Nothing is taken in advance.
 * @param count asks the store; must not reject
 * @param maxKeys with as many keys under way, others get null
 */
export function countTogether(count: Count, maxKeys = Number.POSITIVE_INFINITY): Count {
  const queues = new Map<string, Waiting[]>();

  /** @returns whether the store itself was asked, and answered */
  async function countGroup(key: string, group: readonly Waiting[]): Promise<boolean> {
    const calls = group.reduce((sum, one) => sum + one.calls, 0);
    const counted = await count(key, calls);
    let before = counted === null ? 0 : counted - calls;
    for (const one of group) {
      before += one.calls;
      one.settle(counted === null ? null : before);
    }
    return counted !== null && Number.isFinite(counted);
  }

  async function serve(key: string, first: Waiting): Promise<void> {
    const queue: Waiting[] = [];
    queues.set(key, queue);
    let group = [first];
    while (group.length > 0) {
      const startedMs = performance.now();
      const wasAsked = await countGroup(key, group);
      const restMs = startedMs + BETWEEN_STATEMENTS_MS - performance.now();
      if (queue.length > 0 && wasAsked && restMs > 0) await pause(restMs);
      group = queue.splice(0);
    }
    // Nothing was awaited since the queue was found empty, so nobody waits in it.
    queues.delete(key);
  }

  return (key, calls) => {
    const queue = queues.get(key);
    if (!queue && queues.size >= maxKeys) return Promise.resolve(null);
    return new Promise((settle) => {
      if (queue) queue.push({ calls, settle });
      else void serve(key, { calls, settle });
    });
  };
}
