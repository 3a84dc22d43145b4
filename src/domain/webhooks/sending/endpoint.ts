import type { DueDelivery, WaitingWebhook } from './claim-deliveries.ts';

/** Deliveries to one webhook that are under way at a time: more only wait at a receiver that is slow. */
const MAX_IN_FLIGHT = 8;
/**
 * The next delivery starts when the one before it is answered, so a receiver that answers sees events
 * in their order. One that takes longer than this gets the next beside it.
 */
const IN_ORDER_MS = 50;
/** Deliveries that are read ahead. */
const MAX_QUEUED = 16;
/** With no more than these left, the next are read. */
const LOW_QUEUE = 4;

/** What this process has to send to one webhook. It decides when; it sends nothing itself. */
export interface Endpoint extends WaitingWebhook {
  queue: DueDelivery[];
  /** Ids of what is queued, on its way, or not written yet: nobody may claim them. */
  held: Set<string>;
  inFlight: number;
  lastStartMs: number;
  /** When the lease was asked for that it has; -Infinity: it has none. */
  leasedMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** An endpoint that has nothing yet. */
export function newEndpoint({ organizationId, webhookId }: WaitingWebhook): Endpoint {
  return {
    organizationId,
    webhookId,
    queue: [],
    held: new Set(),
    inFlight: 0,
    lastStartMs: Number.NEGATIVE_INFINITY,
    leasedMs: Number.NEGATIVE_INFINITY,
    timer: undefined,
  };
}

/** How many more deliveries it wants to have. */
export function roomIn({ queue }: Endpoint): number {
  return Math.max(0, MAX_QUEUED - queue.length);
}

export function isRunningLow({ queue }: Endpoint): boolean {
  return queue.length <= LOW_QUEUE;
}

/** After how long the next of its queue may start: 0 is now, Infinity when one of those under way has ended. */
export function waitMs({ inFlight, lastStartMs }: Endpoint, nowMs: number): number {
  if (inFlight === 0) return 0;
  return inFlight >= MAX_IN_FLIGHT ? Number.POSITIVE_INFINITY : Math.max(0, lastStartMs + IN_ORDER_MS - nowMs);
}

/** Gives up what is queued, so that it is claimed again. */
export function dropQueue(endpoint: Endpoint): void {
  for (const { id } of endpoint.queue) endpoint.held.delete(id);
  endpoint.queue = [];
}
