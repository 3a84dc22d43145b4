import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { tryFileLock } from '../../../src/platform/file-lock.ts';
import { commandLines } from './npm-start.ts';

/** Asserts that no process works on this data folder, and that nothing in it says that one does. */
export async function requireNothingLeft(dataDir: string): Promise<void> {
  const home = await realpath(join(dataDir, 'postgres')).catch(() => dataDir);
  const running = [...(await commandLines())].filter(([, line]) => line.includes(home) || line.includes(dataDir));
  expect(running).toEqual([]);
  expect(existsSync(join(home, 'data/postmaster.pid'))).toBe(false);
  for (const name of ['postgres.lock', 'postgres.users']) {
    const lock = tryFileLock(join(dataDir, name));
    expect(lock).not.toBeNull();
    lock?.release();
  }
}
