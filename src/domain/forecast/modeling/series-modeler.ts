import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { setBounded } from '../../../platform/bounded-map.ts';
import { AppError } from '../../../platform/errors.ts';
import type { Log } from '../../../platform/log.ts';
import type { Accuracy } from '../engine/judge-model.ts';
import type { SeriesModel } from '../engine/model-series.ts';
import { HISTORY_DAYS } from '../engine/rolling-forecasts.ts';

/** Models that are kept; each has about 30 kB. */
const MAX_MODELS = 500;
/** Series that wait for the thread. A request waits for one at a time, so this is a number of requests. */
const MAX_WAITING = 50;
/** One takes about 0.2 s; on a machine that is busy, longer. */
const MODEL_TIMEOUT_MS = 20_000;
const THREAD_MEMORY_MB = 128;

/** A model of a series, and how good it was. */
export interface JudgedModel extends SeriesModel {
  accuracy: Accuracy;
}

/** What the thread is asked. */
export interface ModelQuestion {
  /** What each day cost in USD, up to yesterday. */
  history: readonly number[];
  /** Of the intervals that `accuracy` judges. */
  level: number;
}

/** Models series in a thread of its own, so that requests are answered meanwhile. */
export interface SeriesModeler {
  /**
   * The model of a series; its last 182 days count. It is a function of the question alone, and is remembered by it.
   * @throws AppError unavailable when too many wait, when it takes too long, or when the thread ended
   */
  model(question: ModelQuestion): Promise<JudgedModel>;
  /** Ends the thread; who waits is told `unavailable`. */
  close(): Promise<void>;
}

export interface SeriesModelerOptions {
  log: Log;
  /** What the thread runs; tests give one that fails. */
  file?: URL;
  timeoutMs?: number;
  maxWaiting?: number;
}

interface Task {
  question: ModelQuestion;
  resolve(model: JudgedModel): void;
  reject(error: AppError): void;
}

const WORKER_FILE = new URL('model-worker.ts', import.meta.url);

function unavailable(why: string): AppError {
  return new AppError('unavailable', `The forecast was not made: ${why}. Try again.`);
}

function keyOf({ history, level }: ModelQuestion): string {
  return createHash('sha256')
    .update(Float64Array.from([level, ...history]))
    .digest('base64');
}

/** Starts no thread before the first series comes. */
export function createSeriesModeler(options: SeriesModelerOptions): SeriesModeler {
  const { log, file = WORKER_FILE, timeoutMs = MODEL_TIMEOUT_MS, maxWaiting = MAX_WAITING } = options;
  const models = new Map<string, Promise<JudgedModel>>();
  const waiting: Task[] = [];
  let worker: Worker | null = null;
  let current: { task: Task; timer: NodeJS.Timeout } | null = null;
  let isClosed = false;

  /** Ends the thread and what it is at; the next task gets a new one. */
  function drop(one: Worker, error: AppError): void {
    if (worker !== one) return;
    worker = null;
    void one.terminate();
    finish()?.reject(error);
    next();
  }

  function finish(): Task | undefined {
    const task = current?.task;
    clearTimeout(current?.timer);
    current = null;
    return task;
  }

  function start(): Worker {
    // Without the flags and the environment of the process: it needs none, and sees no secrets.
    const one = new Worker(file, {
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MB },
    });
    const onEnd = (cause: unknown) => {
      if (worker !== one) return;
      log.error({ err: cause }, 'the thread of forecasts ended; the next forecast starts another');
      drop(one, unavailable('its thread ended'));
    };
    one.on('error', onEnd);
    one.on('exit', (code) => onEnd(new Error(`exit code ${code}`)));
    one.on('message', (model: JudgedModel) => {
      if (worker !== one) return;
      finish()?.resolve(model);
      next();
    });
    one.unref();
    return one;
  }

  function next(): void {
    if (current !== null || isClosed) return;
    const task = waiting.shift();
    if (!task) return;
    worker ??= start();
    const one = worker;
    const timer = setTimeout(() => drop(one, unavailable(`it took over ${timeoutMs / 1000} s`)), timeoutMs);
    current = { task, timer };
    one.postMessage(task.question);
  }

  return {
    model({ history, level }) {
      const question = { history: history.slice(-HISTORY_DAYS), level };
      const key = keyOf(question);
      const known = models.get(key);
      if (known) return known;
      if (isClosed) return Promise.reject(unavailable('the server is stopping'));
      if (waiting.length >= maxWaiting) return Promise.reject(unavailable('too many others are waiting'));
      const made = new Promise<JudgedModel>((resolve, reject) => waiting.push({ question, resolve, reject }));
      setBounded(models, key, made, MAX_MODELS);
      // A failure is told to those who wait, and is not kept.
      made.catch(() => models.get(key) === made && models.delete(key));
      next();
      return made;
    },
    async close() {
      isClosed = true;
      const error = unavailable('the server is stopping');
      for (const task of [finish(), ...waiting.splice(0)]) task?.reject(error);
      const one = worker;
      worker = null;
      await one?.terminate();
    },
  };
}
