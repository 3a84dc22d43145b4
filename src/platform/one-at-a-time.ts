/** Work of which one run is under way at a time. */
export interface OneAtATime {
  /**
   * Settles, as the run does, when one has ended that began after the call: a run under way may have read before
   * what the caller knows of. Calls that come meanwhile share the next run.
   */
  run(): Promise<void>;
  /** Resolves when nothing is under way and nothing waits. Never rejects. */
  idle(): Promise<void>;
}

/** Makes work run once at a time, see {@link OneAtATime}. */
export function oneAtATime(work: () => Promise<void>): OneAtATime {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function run(): Promise<void> {
    if (running === null) {
      running = work().finally(() => {
        running = null;
      });
      return running;
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = null;
        return run();
      });
    return next;
  }

  return {
    run,
    async idle() {
      await Promise.allSettled([running, next]);
    },
  };
}
