import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** `mkdir -p`. Node's own reports a read-only file system as a folder that does not exist. */
export async function makeFolder(folder: string): Promise<void> {
  const failure = await tryMake(folder);
  if (failure?.code !== 'ENOENT' || dirname(folder) === folder) return settle(folder, failure);
  await makeFolder(dirname(folder));
  // Where the parent is there and this is still ENOENT, as in /proc, nothing can be made.
  return settle(folder, await tryMake(folder));
}

async function tryMake(folder: string): Promise<NodeJS.ErrnoException | null> {
  return mkdir(folder).then(
    () => null,
    (error: NodeJS.ErrnoException) => error,
  );
}

async function settle(folder: string, failure: NodeJS.ErrnoException | null): Promise<void> {
  if (failure && !(failure.code === 'EEXIST' && (await stat(folder)).isDirectory())) throw failure;
}

/** What helps against a system call's failure in the data folder; null: nothing is known to. */
function findRemedy(code: string): string | null {
  const user = process.getuid?.() ?? 'of this process';
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'It is not a folder. Set METERR_DATA_DIR to one.';
    case 'EACCES':
    case 'EPERM':
      return `The user ${user} must own it, or set METERR_DATA_DIR to another folder.`;
    case 'EROFS':
    case 'ENOENT':
      return 'Set METERR_DATA_DIR to a folder that can be written.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'Make room there, or set METERR_DATA_DIR to another folder.';
    default:
      return null;
  }
}

/** One line from what a system call or a program left behind, with what to do where that is known. */
export function explainFolderError(cause: unknown): string {
  const stderr = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : '';
  const lines = stderr.split('\n').filter((line) => /error|fatal|could not|no space|denied/i.test(line));
  const text = lines.length > 0 ? lines.slice(0, 3).join(' ') : cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const remedy = findRemedy(code);
  const line = text.replace(/\s+/g, ' ').trim();
  return remedy === null ? line : `${line.replace(/\.$/, '')}. ${remedy}`;
}
