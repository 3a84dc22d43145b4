import type { LiveMessage } from './live-message.ts';

/** How often an idle stream gets a comment, so that nothing between takes it for dead. */
const COMMENT_EVERY_MS = 12_000;
const COMMENT = Buffer.from(':\n\n');
const COMPLETE = Buffer.from('event: complete\ndata:\n\n');

/** A stream of server-sent events, in the form of GraphQL over SSE (distinct connections). */
export interface EventStream {
  body: ReadableStream<Uint8Array>;
  /** Writes a result; resolves when the reader keeps up. */
  write(payload: string): Promise<void>;
  /** Writes without waiting; where more than the limit is unread, it ends instead. */
  send(message: LiveMessage): void;
  /** Ends it after what was written; a client asks again by itself, unless there is `complete`. */
  end(how?: 'complete'): void;
}

export interface EventStreamOptions {
  maxUnsentBytes: number;
  /** Called once, when the reader is gone or the stream has ended. */
  onEnd(): void;
}

export function createEventStream({ maxUnsentBytes, onEnd }: EventStreamOptions): EventStream {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  let whenRead = Promise.withResolvers<void>();
  let isEnded = false;

  function finish(): boolean {
    if (isEnded) return false;
    isEnded = true;
    clearInterval(timer);
    whenRead.resolve();
    onEnd();
    return true;
  }

  const timer = setInterval(() => {
    if ((controller?.desiredSize ?? 0) > 0) put(COMMENT);
  }, COMMENT_EVERY_MS).unref();
  const body = new ReadableStream<Uint8Array>(
    {
      start(made) {
        controller = made;
      },
      pull() {
        whenRead.resolve();
        whenRead = Promise.withResolvers<void>();
      },
      cancel() {
        finish();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxUnsentBytes }),
  );

  function put(bytes: Uint8Array): void {
    if (!isEnded) controller?.enqueue(bytes);
  }

  function end(how?: 'complete'): void {
    if (how === 'complete') put(COMPLETE);
    if (finish()) controller?.close();
  }

  return {
    body,
    async write(payload) {
      put(Buffer.from(`event: next\ndata: ${payload}\n\n`));
      while (!isEnded && (controller?.desiredSize ?? 0) < maxUnsentBytes / 2) await whenRead.promise;
    },
    send(message) {
      if ((controller?.desiredSize ?? 0) <= 0) end();
      else put(message.stream());
    },
    end,
  };
}
