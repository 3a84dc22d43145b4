import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../harness/child.ts';

function run(file: string, args: readonly string[], cwd = ROOT): string {
  return execFileSync(file, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** The full hash of a commit, a branch or a tag. @throws Error when there is none of that name */
export function resolveCommit(name: string): string {
  try {
    return run('git', ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]);
  } catch {
    throw new Error(`${name} is not a commit of this repository.`);
  }
}

/**
 * Writes the files of a commit to a new folder, ready to start: with our packages where both lock
 * files are the same, else with its own, and with its own generated client. Git keeps no record of
 * it.
 */
export async function checkOut(commit: string, folder: string, say: (line: string) => void): Promise<void> {
  await mkdir(folder, { recursive: true });
  const archive = join(folder, 'archive.tar');
  run('git', ['archive', '--format=tar', '-o', archive, commit]);
  run('tar', ['-xf', archive, '-C', folder]);
  await rm(archive);
  const [theirs, ours] = await Promise.all(
    [folder, ROOT].map((root) => readFile(join(root, 'package-lock.json'), 'utf8')),
  );
  if (theirs === ours) await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  else {
    say('Its package-lock.json differs from ours: npm ci.');
    run('npm', ['ci', '--no-audit', '--no-fund'], folder);
  }
  run('npm', ['run', 'generate'], folder);
}
