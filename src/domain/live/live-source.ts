import type { Caller } from '../access/caller.ts';

/** A value of a stream, and its place in what the stream follows. */
export interface Told<Value> {
  position: number;
  value: Value;
  /** Set: nothing comes after it, and the stream ends. */
  isLast?: boolean;
}

/** Takes the values of a live stream in their order; the next come when its promise has settled. */
export type TakeTold<Value> = (told: Told<Value>) => void | Promise<void>;

/**
 * What a subscription's resolver answers with. It is first read up to the present by `catchUp`, at
 * the subscriber's own pace, and then attached, so that each value is handed to all who wait for
 * the same. By position no value is missed between the two, and none told twice.
 */
export interface LiveSource<Value = unknown> {
  /** Where set: a subscriber is told at most once in this time, and later what was the last. */
  everyMs?: number;
  /** The root field's own scope and place: refuses a caller whose key has changed meanwhile. */
  requireStill(caller: Caller): void;
  /** Everything up to here was told, or came before the subscription. */
  position(): number;
  /** Whether the stream may be attached now, before anything is awaited. */
  isCaughtUp(): boolean;
  /** The next values in order; may be empty. To be called again until `isCaughtUp`. */
  catchUp(): Promise<readonly Told<Value>[]>;
  /**
   * Hands on all that comes after `position`, where the stream is caught up.
   * @param fallBehind called where that cannot be: nothing more is handed on
   * @returns the end
   */
  attach(take: TakeTold<Value>, fallBehind: () => void): () => void;
  /** GraphQL asks for it, and nobody iterates it: the fan-out reads a source by the methods above. */
  [Symbol.asyncIterator](): AsyncIterator<Value>;
}

/** The part of a source that is the same for all, see {@link LiveSource}. */
export function neverIterated(): never {
  throw new Error('a live source is read by catchUp and attach');
}
