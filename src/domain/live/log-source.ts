import type { Caller } from '../access/caller.ts';
import { type LiveSource, neverIterated, type Told } from './live-source.ts';
import type { LogHub } from './log-hub.ts';

export interface LogSourceOptions<Value> {
  hub: LogHub<Value>;
  organizationId: string;
  /** Where the stream begins: what comes after it is told. */
  position: number;
  /** Whether there may be much after the position, which is read at the subscriber's own pace. */
  hasUnread: boolean;
  /** The page after a position: all of the organization, oldest first. */
  readPage(position: number): Promise<Told<Value>[]>;
  pageSize: number;
  isWanted(value: Value): boolean;
  requireStill(caller: Caller): void;
}

/** A stream of the values of a log after a position, see {@link LiveSource}. */
export function createLogSource<Value>(options: LogSourceOptions<Value>): LiveSource<Value> {
  const { hub, organizationId, readPage, pageSize, isWanted, requireStill } = options;
  let { position, hasUnread } = options;
  return {
    requireStill,
    position: () => position,
    isCaughtUp: () => !hasUnread && (hub.positionOf(organizationId) ?? position) <= position,
    async catchUp() {
      // What the hub has handed on was committed before this read begins, so the read sees it.
      const handedOn = hub.positionOf(organizationId) ?? 0;
      const page = await readPage(position);
      const last = page.at(-1)?.position ?? position;
      hasUnread = page.length >= pageSize;
      position = hasUnread ? last : Math.max(last, handedOn);
      return page.filter(({ value }) => isWanted(value));
    },
    attach: (take, fallBehind) =>
      hub.attach(organizationId, position, (told) => (isWanted(told.value) ? take(told) : undefined), fallBehind),
    [Symbol.asyncIterator]: neverIterated,
  };
}
