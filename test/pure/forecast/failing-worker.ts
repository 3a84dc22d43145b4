import { parentPort } from 'node:worker_threads';

// A thread that fails by what it is asked: a history of 1 ends it, one of 2 never answers.
parentPort?.on('message', ({ history }: { history: number[] }) => {
  if (history[0] === 1) process.exit(7);
  if (history[0] === 2) return;
  if (history[0] === 3) throw new Error('out of order');
  parentPort?.postMessage({ historyDays: history.length });
});
