import type { Log } from '../../platform/log.ts';
import type { Notices } from '../../platform/notices/notices.ts';
import type { TakeTold, Told } from './live-source.ts';

/** What is followed is read again this often, whether or not a notice came. */
const READ_AGAIN_MS = 1_000;
/** While there is always more to read, reads begin at most this often. */
const READ_EVERY_MS = 20;

/** A place in an organization's log: everything up to `position` was read. */
export interface Place {
  organizationId: string;
  position: number;
}

/** Values after some places, in the order of each organization's positions. */
export interface HubPage<Value> {
  rows: { organizationId: string; told: Told<Value> | null; position: number }[];
  /** Organizations that have more than the page took. */
  unfinished: string[];
}

export interface LogHubOptions<Value> {
  read(places: readonly Place[]): Promise<HubPage<Value>>;
  /** Called before the rows of an unfinished page are handed on. */
  onBehind?: (organizationId: string, position: number) => Promise<void>;
  notices: Notices;
  log: Log;
}

/**
 * Follows the logs of organizations that have subscribers in this process: one statement reads all
 * of them that may have something new, and whoever is attached is handed each row once, in order.
 */
export interface LogHub<Value> {
  /** Up to where the organization's log was handed on; null: nobody here follows it. */
  positionOf(organizationId: string): number | null;
  /**
   * Hands on what comes after the hub's position; where nobody follows the organization, the hub
   * begins at `position`. @returns the end
   */
  attach(organizationId: string, position: number, take: TakeTold<Value>): () => void;
  close(): Promise<void>;
}

interface Followed<Value> {
  position: number;
  takers: Set<TakeTold<Value>>;
  unfollow: () => void;
}

export function createLogHub<Value>({ read, onBehind, notices, log }: LogHubOptions<Value>): LogHub<Value> {
  const followed = new Map<string, Followed<Value>>();
  const waiting = new Set<string>();
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let beganMs = 0;
  let isFailing = false;
  let isClosed = false;

  async function handOn(page: HubPage<Value>, asked: ReadonlyMap<string, Followed<Value>>): Promise<void> {
    if (onBehind) {
      for (const id of page.unfinished) await onBehind(id, followed.get(id)?.position ?? 0);
    }
    const taken: (void | Promise<void>)[] = [];
    for (const { organizationId, told, position } of page.rows) {
      const one = followed.get(organizationId);
      // It may have ended, and begun anew at another place, while it was read.
      if (!one || one !== asked.get(organizationId)) continue;
      one.position = position;
      if (told) for (const take of one.takers) taken.push(take(told));
    }
    await Promise.all(taken);
  }

  async function readOn(): Promise<void> {
    beganMs = performance.now();
    const asked = new Map<string, Followed<Value>>();
    for (const organizationId of waiting) {
      const one = followed.get(organizationId);
      if (one) asked.set(organizationId, one);
    }
    waiting.clear();
    if (asked.size === 0) return;
    try {
      const page = await read([...asked].map(([organizationId, { position }]) => ({ organizationId, position })));
      await handOn(page, asked);
      for (const id of page.unfinished) waiting.add(id);
      isFailing = false;
    } catch (error) {
      if (!isFailing && !isClosed) log.warn({ err: error }, 'what subscribers follow could not be read');
      isFailing = true;
    }
  }

  function schedule(): void {
    if (isClosed || running !== null || timer !== null || waiting.size === 0) return;
    timer = setTimeout(
      () => {
        timer = null;
        running = readOn().finally(() => {
          running = null;
          schedule();
        });
      },
      Math.max(0, beganMs + READ_EVERY_MS - performance.now()),
    ).unref();
  }

  function wake(organizationId: string): void {
    waiting.add(organizationId);
    schedule();
  }

  const rereading = setInterval(() => {
    for (const organizationId of followed.keys()) waiting.add(organizationId);
    schedule();
  }, READ_AGAIN_MS).unref();

  return {
    positionOf: (organizationId) => followed.get(organizationId)?.position ?? null,
    attach(organizationId, position, take) {
      let one = followed.get(organizationId);
      if (!one) {
        const unfollow = notices.follow(organizationId, () => wake(organizationId));
        one = { position, takers: new Set(), unfollow };
        followed.set(organizationId, one);
        // Something may have come since the position was read.
        wake(organizationId);
      }
      const { takers, unfollow } = one;
      takers.add(take);
      return () => {
        if (!takers.delete(take) || takers.size > 0) return;
        unfollow();
        followed.delete(organizationId);
      };
    },
    async close() {
      isClosed = true;
      clearInterval(rereading);
      if (timer) clearTimeout(timer);
      await running;
      for (const { unfollow } of followed.values()) unfollow();
      followed.clear();
    },
  };
}
