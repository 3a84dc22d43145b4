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
  /**
   * Asked where a page was not all: whether so much waits after the place that it must not be
   * handed on.
   */
  isBehind?: (place: Place) => Promise<boolean>;
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
   * begins at `position`.
   * @param fallBehind called where so much waits that it is not handed on; then nothing more is
   * @returns the end
   */
  attach(organizationId: string, position: number, take: TakeTold<Value>, fallBehind: () => void): () => void;
  close(): Promise<void>;
}

interface Followed<Value> {
  position: number;
  takers: Map<TakeTold<Value>, () => void>;
  unfollow: () => void;
}

export function createLogHub<Value>({ read, isBehind, notices, log }: LogHubOptions<Value>): LogHub<Value> {
  const followed = new Map<string, Followed<Value>>();
  const waiting = new Set<string>();
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let beganMs = 0;
  let isFailing = false;
  let isClosed = false;

  /** Ends it for all who are attached. Who comes now begins anew. */
  function giveUp(organizationId: string, one: Followed<Value>): void {
    if (followed.get(organizationId) !== one) return;
    followed.delete(organizationId);
    one.unfollow();
    for (const fallBehind of one.takers.values()) fallBehind();
  }

  async function handOn(page: HubPage<Value>, asked: ReadonlyMap<string, Followed<Value>>): Promise<void> {
    for (const organizationId of page.unfinished) {
      const one = asked.get(organizationId);
      if (one && (await isBehind?.({ organizationId, position: one.position }))) giveUp(organizationId, one);
    }
    const taken: (void | Promise<void>)[] = [];
    for (const { organizationId, told, position } of page.rows) {
      const one = followed.get(organizationId);
      // It may have ended, and begun anew at another place, while it was read.
      if (!one || one !== asked.get(organizationId)) continue;
      one.position = position;
      if (told) for (const take of one.takers.keys()) taken.push(take(told));
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
    attach(organizationId, position, take, fallBehind) {
      let one = followed.get(organizationId);
      if (!one) {
        const unfollow = notices.follow(organizationId, () => wake(organizationId));
        one = { position, takers: new Map(), unfollow };
        followed.set(organizationId, one);
        // Something may have come since the position was read.
        wake(organizationId);
      }
      const joined = one;
      joined.takers.set(take, fallBehind);
      return () => {
        if (!joined.takers.delete(take) || joined.takers.size > 0) return;
        if (followed.get(organizationId) !== joined) return;
        followed.delete(organizationId);
        joined.unfollow();
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
