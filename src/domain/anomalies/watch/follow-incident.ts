/** An hour or a day of a series, held against its band. */
export interface JudgedInterval {
  startMs: number;
  /** Over its band. One that is under way can be over it, too. */
  isOver: boolean;
  /** Over for good: it has ended, and what arrives late has had its time. */
  isComplete: boolean;
}

/** A stretch of intervals over their band. */
export interface Incident {
  /** Start of the first interval over its band. */
  startedMs: number;
  /** Start of the last one. */
  lastOverMs: number;
  /** Null while it goes on. */
  endedMs: number | null;
  isTold: boolean;
}

/** What has become of the incidents of a series. */
export interface Followed<Interval> {
  /** New and changed incidents, by their start. */
  changed: Incident[];
  /** The intervals to be told, each of an incident of its own. */
  told: Interval[];
}

/** So many intervals in a row inside the band end an incident. */
const CALM_INTERVALS = 2;

/**
 * Follows the incidents of a series over its newest intervals. An incident begins with the first
 * interval over its band and ends when two in a row were inside it; those that nobody looked at in
 * time were inside. It is told once: at its beginning, or, where it was muted then, with its first
 * interval that is over the band when it is not. What was judged before changes nothing: the same
 * intervals may be given again, by several at once.
 * @param latest the series' newest incident so far
 * @param intervals in the order of time, of equal length `stepMs`
 */
export function followIncident<Interval extends JudgedInterval>(
  latest: Incident | null,
  intervals: readonly Interval[],
  stepMs: number,
  isMuted: boolean,
): Followed<Interval> {
  const changed = new Map<number, Incident>();
  const told: Interval[] = [];
  let current = latest;
  const set = (incident: Incident) => {
    current = incident;
    changed.set(incident.startedMs, incident);
  };
  for (const interval of intervals) {
    const { startMs, isOver, isComplete } = interval;
    const open: Incident | null = current?.endedMs === null ? current : null;
    if (open && isOver && startMs > open.lastOverMs) {
      if (!open.isTold && !isMuted) told.push(interval);
      set({ ...open, lastOverMs: startMs, isTold: open.isTold || !isMuted });
    } else if (open && !isOver && isComplete && startMs >= open.lastOverMs + CALM_INTERVALS * stepMs) {
      set({ ...open, endedMs: startMs + stepMs });
    } else if (!open && isOver && startMs >= (current?.endedMs ?? Number.NEGATIVE_INFINITY)) {
      if (!isMuted) told.push(interval);
      set({ startedMs: startMs, lastOverMs: startMs, endedMs: null, isTold: !isMuted });
    }
  }
  return { changed: [...changed.values()], told };
}
