import { ApiFailure } from '../session/failure.ts';
import { call, PAGE_ROWS, type Page, type Session } from '../session/session.ts';

export interface TailEvent {
  id: string;
  event: string;
  created_at: string;
  data: Record<string, unknown>;
}

/** New events, oldest first, and how often the plan lets the log be read. */
export interface News {
  events: TailEvent[];
  headers: Headers;
}

/** Reads the log of events, each time what came after the last. */
export interface EventReader {
  /** The newest `count` events, oldest first. */
  last(count: number): Promise<News>;
  /** What came after what was read before. @throws CliFailure */
  next(): Promise<News>;
}

/** Whether the API, or the log, does not know what `since` names. */
function refusesSince(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 400 && error.fields.some(({ path }) => path === 'since');
}

/**
 * Follows the log by `since`. Where that is refused, since retention has removed the event that was
 * read last, it pages from the newest event back to what it has read.
 */
export function readEvents(session: Session, type: string | undefined, signal: AbortSignal): EventReader {
  let seen: TailEvent | null = null;

  async function page(query: Record<string, string>): Promise<{ body: Page<TailEvent>; headers: Headers }> {
    const search = new URLSearchParams({ ...(type ? { type } : {}), ...query });
    return call<Page<TailEvent>>(session, 'organization', { path: `/v1/events?${search}`, signal });
  }

  function remember({ events, headers }: News): News {
    seen = events.at(-1) ?? seen;
    return { events, headers };
  }

  async function since(last: TailEvent): Promise<News> {
    const events: TailEvent[] = [];
    for (let cursor: string | null = null; ; ) {
      const more: Record<string, string> = cursor === null ? {} : { cursor };
      const { body, headers } = await page({ since: last.id, limit: String(PAGE_ROWS), ...more });
      events.push(...body.data);
      cursor = body.has_more ? body.next_cursor : null;
      if (cursor === null) return { events, headers };
    }
  }

  async function back(last: TailEvent | null): Promise<News> {
    const events: TailEvent[] = [];
    const isOld = ({ id, created_at: at }: TailEvent) => last !== null && (id === last.id || at < last.created_at);
    for (let cursor: string | null = null; ; ) {
      const { body, headers } = await page({ limit: String(PAGE_ROWS), ...(cursor === null ? {} : { cursor }) });
      const oldAt = body.data.findIndex(isOld);
      events.push(...(oldAt < 0 ? body.data : body.data.slice(0, oldAt)));
      cursor = body.has_more && oldAt < 0 ? body.next_cursor : null;
      if (cursor === null) return { events: events.reverse(), headers };
    }
  }

  return {
    async last(count) {
      const { body, headers } = await page({ limit: String(Math.max(1, count)) });
      const news = remember({ events: body.data.reverse(), headers });
      return count === 0 ? { ...news, events: [] } : news;
    },
    async next() {
      const last = seen;
      if (last === null) return remember(await back(null));
      try {
        return remember(await since(last));
      } catch (error) {
        if (!refusesSince(error)) throw error;
        return remember(await back(last));
      }
    },
  };
}
