import { AppError } from '../../platform/errors.ts';
import type { Resources } from '../context.ts';
import type { Caller } from './caller.ts';
import { findCaller } from './identify.ts';
import { OPERATOR } from './operator.ts';

/** Keys of open connections are looked at this often: those that expire end within a second. */
const LOOK_EVERY_MS = 500;

/** What a connection does when its key changes. */
export interface Watcher {
  /** The key, its member or its organization was changed: the caller as it is now. */
  onCaller(caller: Caller): void;
  /** The key is not valid any more. Called once, and nothing after it. */
  onRefused(): void;
}

/**
 * Watches the keys of connections that stay open: whatever would refuse the next request (a
 * revoked, expired or rotated key, a deleted team, a removed member, a suspended organization) ends
 * the connection, at once where this process or a notice tells of the change, else within a second.
 */
export interface KeyWatch {
  /** @returns the end of watching */
  watch(authorization: string, caller: Caller, watcher: Watcher): () => void;
  close(): void;
}

interface Watched {
  authorization: string;
  caller: Caller;
  watchers: Set<Watcher>;
}

export function createKeyWatch(resources: Resources): KeyWatch {
  const { changes, log } = resources;
  /** By what was sent as authorization: many connections may have the same key. */
  const watched = new Map<string, Watched>();
  const looking = new Set<Watched>();

  async function look(one: Watched): Promise<void> {
    if (looking.has(one)) return;
    looking.add(one);
    try {
      const caller = await findCaller(resources, one.authorization);
      if (caller === one.caller) return;
      one.caller = caller;
      for (const watcher of one.watchers) watcher.onCaller(caller);
    } catch (error) {
      // What cannot be read now is read again soon.
      if (!(error instanceof AppError) || error.code === 'unavailable') {
        log.debug({ err: error }, 'the key of a connection could not be read');
        return;
      }
      watched.delete(one.authorization);
      for (const watcher of one.watchers) watcher.onRefused();
    } finally {
      looking.delete(one);
    }
  }

  const stopListening = changes.onChange((organizationId) => {
    for (const one of watched.values()) {
      if (organizationId === null || one.caller.organization.id === organizationId) void look(one);
    }
  });
  const timer = setInterval(() => {
    for (const one of watched.values()) void look(one);
  }, LOOK_EVERY_MS).unref();

  return {
    watch(authorization, caller, watcher) {
      // The operator's key stays as long as the process, and subscribes to nothing.
      if (caller === OPERATOR) return () => {};
      const one = watched.get(authorization) ?? { authorization, caller, watchers: new Set() };
      watched.set(authorization, one);
      one.watchers.add(watcher);
      return () => {
        one.watchers.delete(watcher);
        if (one.watchers.size === 0 && watched.get(authorization) === one) watched.delete(authorization);
      };
    },
    close() {
      stopListening();
      clearInterval(timer);
    },
  };
}
