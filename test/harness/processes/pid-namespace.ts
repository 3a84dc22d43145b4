import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { type CommandProcess, startCommand } from './command-process.ts';

const UNSHARE = ['--pid', '--fork', '--mount-proc'];

/** Null where a process can be made PID 1; else why the tests of it are skipped. */
export function whyNoPidNamespace(): string | null {
  const { status } = spawnSync('unshare', [...UNSHARE, 'true']);
  return status === 0 ? null : 'only root, with `unshare` of util-linux, can make a namespace of processes';
}

export async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.trim().split(' ').filter(Boolean).map(Number);
}

/** As in a container: a command that is PID 1. `pidOne` is its number outside. */
export async function startAsPidOne(
  command: readonly [string, readonly string[]],
  env: Record<string, string>,
): Promise<CommandProcess & { pidOne: number }> {
  const [program, args] = command;
  const started = await startCommand('unshare', [...UNSHARE, program, ...args], env);
  const [pidOne = 0] = await childrenOf(started.pid);
  return { ...started, pidOne };
}
