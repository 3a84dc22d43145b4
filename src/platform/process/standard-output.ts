import { constants, fstatSync, openSync } from 'node:fs';
import { createFileSink } from './file-sink.ts';
import { createLossyOutput, type LossyOutput } from './lossy-output.ts';
import { createStreamSink } from './stream-sink.ts';

const STDOUT = 1;

/**
 * The terminal opened anew, without blocking: one that a person stops with Ctrl-S would stop this
 * process with it. Where that is not allowed, as for a terminal of another user, it is used as it is.
 */
function openTerminal(): number {
  try {
    return openSync(`/proc/self/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch {
    return STDOUT;
  }
}

/**
 * Standard output that neither blocks nor ends the process, whatever it leads to: a pipe that nobody
 * reads, one that was closed, a full disk. It is opened once for the process.
 */
export function openStandardOutput(): LossyOutput {
  // The last words of a process that fails go there; that nobody can hear them is no second fault.
  process.stderr.on('error', () => {});
  const kind = fstatSync(STDOUT);
  if (kind.isFIFO() || kind.isSocket()) return createLossyOutput((events) => createStreamSink(process.stdout, events));
  const fd = process.stdout.isTTY ? openTerminal() : STDOUT;
  return createLossyOutput((events) => createFileSink(fd, events));
}
