import type { LiveMessage } from './live-message.ts';

/** Whom the values of a live stream are sent to: an operation of a socket, or an HTTP stream. */
export interface Subscriber {
  /** Everything up to here was sent to it. */
  position: number;
  /** When it was sent the last one, from `performance.now()`; 0 before the first. */
  sentAtMs: number;
  /** Sends a value. Closes its connection where that is read too slowly. */
  send(message: LiveMessage): void;
  /** Ends its operation after what was sent. Its results set it. */
  complete?: () => void;
  /** Closes its connection, because it cannot be told all that happens. */
  closeBehind(): void;
}
