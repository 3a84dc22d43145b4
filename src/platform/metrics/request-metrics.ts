import { Tally } from './tally.ts';

/** From a lone event on an idle machine to the limit of a read. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** The answers of one route, by status, and how long they took. */
export interface RouteMeter {
  readonly method: string;
  /** The template: `/v1/usage/{id}`, never a path that a caller wrote. */
  readonly route: string;
  readonly statuses: Map<number, number>;
  readonly seconds: Tally;
}

/** The methods that any path takes: whatever else a caller writes is `other`. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);
/** What has no route: unknown paths, wrong methods, and requests that are not HTTP. */
export const NO_ROUTE = 'none';

/** Counts answers. A label has as many values as there are routes, methods and statuses. */
export interface RequestMetrics {
  /** The meter of a route; the same one each time. `route` is a template. */
  meter(method: string, route: string): RouteMeter;
  meters(): Iterable<RouteMeter>;
}

/** Counts one answer. `startedMs` is from `performance.now()`. */
export function countAnswer(meter: RouteMeter, status: number, startedMs: number): void {
  meter.statuses.set(status, (meter.statuses.get(status) ?? 0) + 1);
  meter.seconds.observe((performance.now() - startedMs) / 1000);
}

/** Starts with no meters. */
export function createRequestMetrics(): RequestMetrics {
  const byRoute = new Map<string, Map<string, RouteMeter>>();
  return {
    meter(method, route) {
      const known = METHODS.has(method) ? method : 'other';
      const ofRoute = byRoute.get(route) ?? new Map<string, RouteMeter>();
      byRoute.set(route, ofRoute);
      const found = ofRoute.get(known);
      if (found) return found;
      const made = { method: known, route, statuses: new Map<number, number>(), seconds: new Tally(SECONDS) };
      ofRoute.set(known, made);
      return made;
    },
    *meters() {
      for (const ofRoute of byRoute.values()) yield* ofRoute.values();
    },
  };
}
