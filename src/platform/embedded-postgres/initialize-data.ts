import { randomBytes } from 'node:crypto';
import { appendFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.ts';
import type { PostgresBinaries } from './embedded-postgres-binaries.ts';
import { HAS_UNIX_SOCKETS, makePrivateFolder, type PostgresHome } from './embedded-postgres-home.ts';
import { runBinary, SUPERUSER } from './embedded-postgres-server.ts';
import { isNameless, listNameWays } from './nameless-user.ts';

/** It wants its user to have a name, which the other programs do not. */
async function runInitdb(
  binaries: PostgresBinaries,
  home: PostgresHome,
  args: string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  if (home.user || !isNameless()) return runBinary(binaries, home, 'initdb', args, signal);
  for (const named of listNameWays(home.folder)) {
    const failure = await runBinary(binaries, home, 'initdb', args, signal, named).then(
      () => null,
      (error: unknown) => error,
    );
    if (failure === null) return;
    signal?.throwIfAborted();
    const { code, stderr } = Object(failure) as { code?: unknown; stderr?: unknown };
    // ENOENT: there is no `unshare`.
    if (code !== 'ENOENT' && !/unshare|effective user ID/.test(String(stderr))) throw failure;
  }
  const message = `PostgreSQL cannot make its data in ${home.folder}: the user ${process.getuid?.()} has no name in /etc/passwd. Give it one, install libnss-wrapper, or set DATABASE_URL to a PostgreSQL server of your own.`;
  throw new AppError('unavailable', message);
}

/**
 * `data` appears by a rename, so that a crash halfway leaves nothing half-made. The caller holds
 * the lock.
 */
export async function initializeData(
  binaries: PostgresBinaries,
  home: PostgresHome,
  signal?: AbortSignal,
): Promise<void> {
  const partial = join(home.folder, 'data.partial');
  await rm(partial, { recursive: true, force: true });
  await makePrivateFolder(partial, home.user);
  const args = ['-D', 'data.partial', `--username=${SUPERUSER}`, '--encoding=UTF8', '--no-instructions'];
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  if (HAS_UNIX_SOCKETS) args.push('--auth=trust');
  else {
    await writeFile(join(home.folder, 'password'), randomBytes(24).toString('hex'), { mode: 0o600 });
    args.push('--auth=scram-sha-256', '--pwfile=password');
  }
  await runInitdb(binaries, home, args, signal);
  await appendFile(join(partial, 'postgresql.conf'), "\ninclude_if_exists = 'meterr.conf'\n");
  // The socket's folder is the lock on the door; nobody else comes as far as pg_hba.conf.
  if (HAS_UNIX_SOCKETS) await writeFile(join(partial, 'pg_hba.conf'), 'local all all trust\n');
  await rename(partial, join(home.folder, 'data'));
}
