import { setImmediate as nextTurn } from 'node:timers/promises';

/** Counts calls of a key. Null: the store could not be asked, and nobody knows the count. */
export type Count = (key: string, calls: number) => Promise<number | null>;

interface Waiting {
  calls: number;
  settle: (count: number | null) => void;
}

/**
 * Counts calls of one key together: while one statement is under way, what arrives waits, and is
 * then counted by the next; the more share one, the less each costs. A statement that adds n and returns c has given its calls the numbers
 * c - n + 1 to c, in their order of arrival, so each call gets the very count that it would have
 * got alone. Nothing is taken in advance.
 * @param count asks the store; must not reject
 * @param maxKeys with as many keys under way, others get null
 */
export function countTogether(count: Count, maxKeys = Number.POSITIVE_INFINITY): Count {
  const queues = new Map<string, Waiting[]>();

  async function countGroup(key: string, group: readonly Waiting[]): Promise<void> {
    const calls = group.reduce((sum, one) => sum + one.calls, 0);
    const counted = await count(key, calls);
    let before = counted === null ? 0 : counted - calls;
    for (const one of group) {
      before += one.calls;
      one.settle(counted === null ? null : before);
    }
  }

  async function serve(key: string, queue: Waiting[]): Promise<void> {
    queues.set(key, queue);
    while (queue.length > 0) {
      // What this turn of the event loop reads from its sockets comes together.
      await nextTurn();
      await countGroup(key, queue.splice(0));
    }
    // Nothing was awaited since the queue was found empty, so nobody waits in it.
    queues.delete(key);
  }

  return (key, calls) => {
    const queue = queues.get(key);
    if (!queue && queues.size >= maxKeys) return Promise.resolve(null);
    return new Promise((settle) => {
      if (queue) queue.push({ calls, settle });
      else void serve(key, [{ calls, settle }]);
    });
  };
}
