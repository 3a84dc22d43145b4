import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { PUBLIC_HOSTS, REBINDING_NAMES } from '../harness/wall/spellings.ts';

const SCRIPT = join(import.meta.dirname, '../harness/wall/in-namespace.ts');

/** Why there can be no network namespace here; null where there can. */
function whyNot(): string | null {
  const tried = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], { encoding: 'utf8' });
  if (tried.status === 0) return null;
  return (tried.error?.message ?? tried.stderr).trim();
}

const reason = whyNot();
if (reason !== null) {
  process.stdout.write(
    `Skipped: the wall is not tried on a network, because there is no namespace for it: ${reason}\n`,
  );
}

it.skipIf(reason !== null)(
  'no spelling of a private address is reached, nor a name that leads to one, even one that changes in between',
  async () => {
    const { stdout } = await promisify(execFile)('unshare', ['-n', process.execPath, SCRIPT]);
    expect(JSON.parse(stdout)).toEqual({
      reached: [...PUBLIC_HOSTS, 'public.test'],
      acceptedFirst: [...REBINDING_NAMES.keys()],
    });
  },
);
