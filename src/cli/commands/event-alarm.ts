import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { requireKey, type Session } from '../session/session.ts';

const QUERY = 'subscription ($types: [EventType!]) { events(types: $types) { id } }';
/**
 * While the subscription is open, the log is read this often all the same: what happened between two
 * connections rings no bell.
 */
const READ_ANYWAY_MS = 15_000;
const RETRY_MS = 1_000;

/** Tells when the log is to be read, by a subscription over WebSocket. */
export interface EventAlarm {
  /** Resolves when something may be new: at once where no subscription is open. @throws the signal's reason */
  wait(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** `usage.exceeded` -> `USAGE_EXCEEDED`, as GraphQL names it. */
const enumName = (type: string) => type.toUpperCase().replaceAll('.', '_');

/** Opens the subscription, and opens it again when it is lost. The log says what is wrong with a key. */
export function openEventAlarm(session: Session, type: string | undefined): EventAlarm {
  let isOpen = false;
  let isRinging = false;
  let ring = () => {};
  const wake = () => {
    isRinging = true;
    ring();
  };
  const client = createClient({
    url: `${session.settings.url.replace(/^http/, 'ws')}/graphql`,
    connectionParams: { authorization: `Bearer ${requireKey(session, 'organization')}` },
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: () => pause(RETRY_MS),
    // Nothing is printed here: the next read of the log fails in the same way, and says why.
    onNonLazyError: () => {},
    on: {
      connected() {
        isOpen = true;
        wake();
      },
      closed() {
        isOpen = false;
        wake();
      },
    },
  });
  client.subscribe(
    { query: QUERY, variables: type === undefined ? {} : { types: [enumName(type)] } },
    { next: wake, error: wake, complete: wake },
  );
  return {
    async wait(signal) {
      if (isOpen && !isRinging) {
        const stop = new AbortController();
        const rung = new Promise<void>((resolve) => {
          ring = resolve;
        });
        const either = AbortSignal.any([signal, stop.signal]);
        await Promise.race([rung, pause(READ_ANYWAY_MS, undefined, { signal: either })]).finally(() => stop.abort());
      }
      isRinging = false;
    },
    close: () => void client.dispose(),
  };
}
