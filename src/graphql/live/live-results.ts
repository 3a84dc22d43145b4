import { type ExecutionResult, execute } from 'graphql';
import type { Caller } from '../../domain/access/caller.ts';
import type { Told } from '../../domain/live/live-source.ts';
import type { FanOut, LiveOperation } from './fan-out.ts';
import type { Subscriber } from './subscriber.ts';

/** The results of one subscription for one subscriber. Its `return` ends it at once, whatever it waits for. */
export interface LiveResults extends AsyncGenerator<ExecutionResult, undefined, undefined> {
  /** The caller as it is now: where it may not subscribe any more, a last result says so. */
  check(caller: Caller): void;
}

const DONE = { done: true, value: undefined } as const;

/**
 * Reads a source to the present, one result at each `next`, so that whoever writes them sets the
 * pace. Then `next` stays pending, and all that comes is sent to the subscriber by the fan-out.
 * It is no async generator, because `return` of one waits for what it awaits.
 * @param onEnd called once, when it has ended
 * @throws AppError rate_limit_exceeded where the organization has too many
 */
export function openLiveResults(
  fanOut: FanOut,
  operation: LiveOperation,
  subscriber: Subscriber,
  onEnd: () => void,
): LiveResults {
  const { args, source } = operation;
  const giveBack = fanOut.open(args.contextValue.caller.organization.id);
  let unread: Told<unknown>[] = [];
  let leave: (() => void) | null = null;
  let finish: ((result: IteratorResult<ExecutionResult, undefined>) => void) | null = null;
  let lastError: Error | null = null;
  let isEnded = false;
  /** Nothing comes after what was told last. */
  let isTold = false;

  function end(): void {
    if (isEnded) return;
    isEnded = true;
    leave?.();
    giveBack();
    onEnd();
  }

  async function readNext(): Promise<Told<unknown> | null> {
    while (unread.length === 0 && !isEnded && lastError === null && !source.isCaughtUp()) {
      unread = [...(await source.catchUp())].reverse();
    }
    return unread.pop() ?? null;
  }

  function endWith(error: Error): IteratorResult<ExecutionResult, undefined> {
    end();
    return { done: false, value: { errors: [error as never], data: null } };
  }

  return {
    async next() {
      if (isEnded) return DONE;
      const told = await readNext();
      if (isEnded) return DONE;
      if (isTold) {
        end();
        return DONE;
      }
      if (lastError) return endWith(lastError);
      if (told) {
        subscriber.position = told.position;
        subscriber.sentAtMs = performance.now();
        isTold = told.isLast ?? false;
        return { done: false, value: await execute({ ...args, rootValue: told.value }) };
      }
      subscriber.complete = () => {
        end();
        finish?.(DONE);
      };
      // Nothing is awaited between the last look and this.
      subscriber.position = Math.max(subscriber.position, source.position());
      leave = fanOut.join(operation, subscriber);
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
    async return() {
      end();
      finish?.(DONE);
      return DONE;
    },
    async throw(error) {
      end();
      finish?.(DONE);
      throw error;
    },
    check(caller) {
      try {
        source.requireStill(caller);
      } catch (error) {
        lastError =
          error instanceof Error ? error : new Error('something was thrown that is no error', { cause: error });
        finish?.(endWith(lastError));
      }
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      end();
      finish?.(DONE);
    },
  };
}
