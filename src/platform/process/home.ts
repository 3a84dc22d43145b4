import { homedir } from 'node:os';

/**
 * A user without a name, in an environment without HOME, has no home, and packages that look for
 * settings of theirs there fail as they are loaded: they get the root folder, where there are none.
 */
export function ensureHome(): void {
  try {
    homedir();
  } catch {
    process.env.HOME = '/';
  }
}
