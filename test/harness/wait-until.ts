import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 5;
const GIVE_UP_MS = 30_000;

/**
 * Waits for a state that nothing announces. @throws Error when it does not come: that test has
 * failed
 */
export async function waitUntil(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It never came to this: ${what}`);
    await pause(POLL_MS);
  }
}
