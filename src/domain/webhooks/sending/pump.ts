import type { DueDelivery } from './claim-deliveries.ts';
import { dropQueue, type Endpoint, waitMs } from './endpoint.ts';
import { createInFlightLimits } from './in-flight-limits.ts';
import { ANSWER_TIMEOUT_MS, type TriedDelivery, type TryOptions, tryDelivery } from './try-delivery.ts';

export interface PumpOptions {
  /** Its signal ends what is on its way. */
  tries: TryOptions & { signal: AbortSignal };
  leaseMs: number;
  /** Receives what a try came to. */
  onTried(delivery: DueDelivery, tried: TriedDelivery): void;
  /** The lease of an endpoint is too old for another try: its queue was dropped. */
  onStale(endpoint: Endpoint): void;
}

/** Starts what endpoints have queued, each at its time. */
export interface Pump {
  /** Starts what of the endpoint can start now, and the others later. */
  run(endpoint: Endpoint): void;
  /** Tries that are on their way. */
  inFlight(): number;
}

export function createPump({ tries, leaseMs, onTried, onStale }: PumpOptions): Pump {
  /** A try must end within the lease. */
  const startWithinMs = leaseMs - ANSWER_TIMEOUT_MS - 1_000;
  const limits = createInFlightLimits();
  /** Endpoints that wait for others of their organization, or of all. */
  const crowded = new Set<Endpoint>();

  function run(endpoint: Endpoint): void {
    clearTimeout(endpoint.timer);
    while (endpoint.queue.length > 0) {
      const nowMs = performance.now();
      if (nowMs > endpoint.leasedMs + startWithinMs) {
        dropQueue(endpoint);
        onStale(endpoint);
        return;
      }
      const ms = waitMs(endpoint, nowMs);
      if (ms > 0) {
        if (ms < Number.POSITIVE_INFINITY) endpoint.timer = setTimeout(run, ms, endpoint).unref();
        return;
      }
      if (!limits.hasRoom(endpoint.organizationId)) return void crowded.add(endpoint);
      const next = endpoint.queue.shift();
      if (next) start(endpoint, next);
    }
  }

  function start(endpoint: Endpoint, delivery: DueDelivery): void {
    endpoint.inFlight++;
    endpoint.lastStartMs = performance.now();
    limits.begin(endpoint.organizationId);
    void tryDelivery(delivery, tries).then((tried) => {
      endpoint.inFlight--;
      limits.end(endpoint.organizationId);
      // What was cut off is not known to have arrived or not: it is sent again.
      if (!tries.signal.aborted) onTried(delivery, tried);
      run(endpoint);
      for (const other of crowded) {
        if (!limits.hasRoom(other.organizationId)) continue;
        crowded.delete(other);
        run(other);
      }
    });
  }

  return { run, inFlight: limits.total };
}
