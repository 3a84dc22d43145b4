import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 5;
const TIMEOUT_MS = 30_000;

/**
 * Waits for a state that nothing announces.
 * @throws Error when the state is not reached within 30 s
 */
export async function waitUntil(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Not reached within ${TIMEOUT_MS / 1000} s: ${what}`);
    await pause(POLL_MS);
  }
}
