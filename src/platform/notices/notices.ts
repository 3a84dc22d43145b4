import { newUuid } from '../ids.ts';
import type { Log } from '../log.ts';
import { MAX_NOTICE_BYTES, type NoticeChannel, type OpenChannel } from './notice-channel.ts';

/** A process sends at most one statement in this time, whatever it commits meanwhile. */
const SEND_EVERY_MS = 20;
/** How often a process says again what it follows, and how long the others believe it. */
const FOLLOW_EVERY_MS = 5_000;
const FOLLOWED_FOR_MS = 15_000;
/** A UUID, its quotes and a comma; the rest of a notice is shorter than the reserve. */
const TOPIC_BYTES = 39;
const RESERVED_BYTES = 200;
const MAX_TOPICS = Math.floor((MAX_NOTICE_BYTES - RESERVED_BYTES) / TOPIC_BYTES);
/** Topics that others follow and this process remembers; of more, followers hear by their own reads. */
const MAX_FOLLOWED = 100_000;

/**
 * Tells the processes on one database that there is something to read. A notice carries topics
 * (UUIDs) and no data, and may be lost: whoever listens reads by itself now and then.
 */
export interface Notices {
  /**
   * After a commit: there is something new of the topic for those who follow it, in this process
   * and others. Costs a look into a set where nobody follows it.
   */
  wake(topic: string): void;
  /** After a commit: what processes remember of the topic has changed. Every other process hears it. */
  announce(topic: string): void;
  /** Calls `onWake` when the topic is woken, and whenever notices may have been missed, until the end. */
  follow(topic: string, onWake: () => void): () => void;
  close(): Promise<void>;
}

export interface NoticesOptions {
  openChannel: OpenChannel;
  log: Log;
  /** Another process has announced changes. */
  onAnnounced: () => void;
}

type Kind = 'wake' | 'change' | 'follow';

interface Notice {
  from: string;
  kind: Kind;
  topics: string[];
}

function readNotice(text: string): Notice | null {
  try {
    const { from, kind, topics } = JSON.parse(text);
    return typeof from === 'string' && Array.isArray(topics) ? { from, kind, topics } : null;
  } catch {
    return null;
  }
}

/** Opens the channel and begins to listen. */
export function createNotices({ openChannel, log, onAnnounced }: NoticesOptions): Notices {
  const self = newUuid();
  const followers = new Map<string, Set<() => void>>();
  /** By topic: until when another process is believed to follow it, from `performance.now()`. */
  const followedElsewhere = new Map<string, number>();
  const unsent = new Map<Kind, Set<string>>([
    ['wake', new Set()],
    ['change', new Set()],
    ['follow', new Set()],
  ]);
  let sentAtMs = 0;
  let timer: NodeJS.Timeout | null = null;
  let sending: Promise<void> | null = null;
  let isFailing = false;
  let isClosed = false;

  function wakeFollowers(topics: Iterable<string>): void {
    for (const topic of topics) for (const onWake of followers.get(topic) ?? []) onWake();
  }

  function believe(topics: readonly string[]): void {
    const untilMs = performance.now() + FOLLOWED_FOR_MS;
    for (const topic of topics) {
      if (followedElsewhere.size < MAX_FOLLOWED || followedElsewhere.has(topic)) followedElsewhere.set(topic, untilMs);
    }
  }

  function receive(text: string): void {
    const notice = readNotice(text);
    if (notice === null || notice.from === self) return;
    if (notice.kind === 'wake') wakeFollowers(notice.topics);
    else if (notice.kind === 'change') onAnnounced();
    else if (notice.kind === 'follow') believe(notice.topics);
  }

  const channel: NoticeChannel = openChannel({
    onNotice: receive,
    onOpen() {
      isFailing = false;
      for (const topic of followers.keys()) queue('follow', topic);
      wakeFollowers(followers.keys());
      onAnnounced();
    },
  });

  async function send(): Promise<void> {
    sentAtMs = performance.now();
    const notices: string[] = [];
    for (const [kind, waiting] of unsent) {
      const all = [...waiting];
      waiting.clear();
      for (let from = 0; from < all.length; from += MAX_TOPICS) {
        notices.push(JSON.stringify({ from: self, kind, topics: all.slice(from, from + MAX_TOPICS) }));
      }
    }
    try {
      for (const notice of notices) await channel.publish(notice);
      isFailing = false;
    } catch (error) {
      // Nothing is lost but time: every follower reads its log each second.
      if (!isFailing && !isClosed) log.debug({ err: error }, 'a notice could not be sent');
      isFailing = true;
    }
  }

  /** One send at a time: what gathers meanwhile is the next one. */
  function schedule(): void {
    if (isClosed || timer !== null || sending !== null || unsent.values().every(({ size }) => size === 0)) return;
    timer = setTimeout(
      () => {
        timer = null;
        sending = send().finally(() => {
          sending = null;
          schedule();
        });
      },
      Math.max(0, sentAtMs + SEND_EVERY_MS - performance.now()),
    ).unref();
  }

  function queue(kind: Kind, topic: string): void {
    unsent.get(kind)?.add(topic);
    schedule();
  }

  const renewal = setInterval(() => {
    const nowMs = performance.now();
    for (const [topic, untilMs] of followedElsewhere) if (untilMs < nowMs) followedElsewhere.delete(topic);
    for (const topic of followers.keys()) queue('follow', topic);
  }, FOLLOW_EVERY_MS).unref();

  return {
    wake(topic) {
      if (followers.size > 0) wakeFollowers([topic]);
      if (followedElsewhere.size > 0 && followedElsewhere.has(topic)) queue('wake', topic);
    },
    announce: (topic) => queue('change', topic),
    follow(topic, onWake) {
      const known = followers.get(topic);
      const own = known ?? new Set();
      if (!known) {
        followers.set(topic, own);
        queue('follow', topic);
      }
      own.add(onWake);
      return () => {
        own.delete(onWake);
        if (own.size === 0 && followers.get(topic) === own) followers.delete(topic);
      };
    },
    async close() {
      isClosed = true;
      if (timer) clearTimeout(timer);
      await sending;
      if ((unsent.get('change')?.size ?? 0) > 0) await send();
      clearInterval(renewal);
      await channel.close();
    },
  };
}
