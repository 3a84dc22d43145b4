import { accessSync, constants } from 'node:fs';

const SHELL = '/bin/sh';

/**
 * Runs its arguments, passes on the signals that stop a server, reaps whatever is left to PID 1,
 * and ends with the exit code of the server. `wait` returns early, with more than 128, when a signal
 * came; then it is asked again.
 */
const INIT = `
server= early= signalled=
pass() { signalled=1; if [ -n "$server" ]; then kill -"$1" "$server"; else early=$1; fi; }
for name in TERM INT HUP QUIT; do trap "pass $name" "$name"; done
"$@" &
server=$!
[ -z "$early" ] || kill -"$early" "$server"
while :; do
  signalled=
  wait "$server"
  code=$?
  if [ "$code" -le 128 ] || [ -z "$signalled" ]; then exit "$code"; fi
done
`;

function hasShell(): boolean {
  try {
    accessSync(SHELL, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Where this process is PID 1, as in a container, a shell takes its place and starts the same
 * command as its child: Node waits only for processes that it started, and PID 1 inherits others
 * (PostgreSQL, for one, leaves its parent), which would stay as zombies. Without a shell, or a Node
 * that can do it, nothing happens; a PostgreSQL of ours needs that shell too.
 */
export function leavePidOne(): void {
  if (process.pid !== 1 || process.platform !== 'linux' || !process.execve || !hasShell()) return;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(SHELL, [SHELL, '-c', INIT, 'meterr-init', ...command]);
}
