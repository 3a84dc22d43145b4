import { AppError } from '../errors.ts';

/** What the signals to this process ask for. */
export interface StopSignals {
  /** Aborted at the first signal that stops it. */
  stopping: AbortSignal;
  /** Aborted when a person waits: SIGINT, which Ctrl-C sends. */
  hurried: AbortSignal;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Watches for SIGTERM, SIGINT, SIGHUP and SIGQUIT, and calls back at the first. Later ones only
 * hurry, because npm repeats the one that the terminal sent.
 */
export function watchStopSignals(onFirst: (signal: NodeJS.Signals) => void): StopSignals {
  const stopping = new AbortController();
  const hurried = new AbortController();
  const receive = (signal: NodeJS.Signals) => {
    if (signal === 'SIGINT') hurried.abort();
    if (stopping.signal.aborted) return;
    onFirst(signal);
    stopping.abort(new AppError('unavailable', 'The start was interrupted.'));
  };
  for (const signal of SIGNALS) process.on(signal, receive);
  return { stopping: stopping.signal, hurried: hurried.signal };
}
