/** Carries short strings from each process to all processes on the same database, itself included. */
export interface NoticeChannel {
  /**
   * Sends at most {@link MAX_NOTICE_BYTES}. It is not stored: who does not listen misses it.
   * @throws the driver's error where the channel is out of reach
   */
  publish(notice: string): Promise<void>;
  close(): Promise<void>;
}

/** PostgreSQL refuses a payload of 8,000 bytes. */
export const MAX_NOTICE_BYTES = 7_900;

export interface ChannelEvents {
  onNotice(notice: string): void;
  /** The channel is open, at first or again: what was sent before that may be missed. */
  onOpen(): void;
}

/** Opens a channel. It reconnects by itself until it is closed. */
export type OpenChannel = (events: ChannelEvents) => NoticeChannel;
