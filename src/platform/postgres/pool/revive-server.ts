/** Between two tries to bring a server back. */
const BACK_OFF_MS = { first: 500, most: 30_000 } as const;

/**
 * Makes of `revive` something that anybody may call at any time: one try runs at a time, and after one
 * that failed the next waits, twice as long each time.
 */
export function createReviver(revive: () => Promise<void>, onFailed: (error: Error) => void): () => void {
  let pauseMs: number = BACK_OFF_MS.first;
  let notBeforeMs = 0;
  let isReviving = false;
  return () => {
    if (isReviving || performance.now() < notBeforeMs) return;
    isReviving = true;
    revive().then(
      () => {
        isReviving = false;
        pauseMs = BACK_OFF_MS.first;
      },
      (error) => {
        isReviving = false;
        notBeforeMs = performance.now() + pauseMs;
        pauseMs = Math.min(pauseMs * 2, BACK_OFF_MS.most);
        onFailed(error instanceof Error ? error : new Error(String(error)));
      },
    );
  };
}
