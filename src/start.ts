import { rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type App, createApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { explainFolderError, makeFolder } from './platform/embedded-postgres/data-folder.ts';
import { AppError } from './platform/errors.ts';
import { listeningUrl } from './platform/http/public-url.ts';
import { createLog, holdUntilReleased, type LogOutput } from './platform/log.ts';
import type { LossyOutput } from './platform/process/lossy-output.ts';
import type { StopSignals } from './platform/process/stop-signals.ts';
import { explainListenError, requirePort } from './require-port.ts';

const KEY_FILE = 'api-key';

/** Writes what was held back, once a person has read what comes before. */
let releaseLog = () => {};

function fail(message: string): never {
  releaseLog();
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** In a terminal the log waits for the greeting; elsewhere nothing is held. */
function openLogOutput(output: LossyOutput): LogOutput {
  if (!process.stdout.isTTY) return output;
  const held = holdUntilReleased(output);
  releaseLog = held.release;
  return held;
}

function load(): Readonly<Config> {
  try {
    return readConfig();
  } catch (error) {
    if (error instanceof ConfigError) fail(error.message);
    throw error;
  }
}

/** The key, for its owner's eyes only, so that the first run's screen is not its only place. */
async function writeKey(dataDir: string, secret: string): Promise<void> {
  const file = join(dataDir, KEY_FILE);
  await makeFolder(dataDir);
  // A key of another database may be there: it is moved aside, never lost.
  await rename(file, `${file}.previous`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
}

/** @throws AppError unavailable in one line; the key is then of no organization */
async function keepKey(dataDir: string, secret: string): Promise<void> {
  await writeKey(dataDir, secret).catch((cause: unknown) => {
    const message = `The first API key cannot be kept in ${join(dataDir, KEY_FILE)}: ${explainFolderError(cause)}`;
    throw new AppError('unavailable', message, { cause });
  });
}

interface Serving {
  app: App;
  config: Readonly<Config>;
  output: LossyOutput;
}

function greet({ app, config, output }: Serving, port: number): void {
  const url = listeningUrl(config.host, port);
  const first = app.firstOrganization;
  const file = join(config.dataDir, KEY_FILE);
  const shown = relative(process.cwd(), file);
  const path = shown.startsWith('..') ? file : shown;
  const key = first ? first.secret : `$(cat ${path})`;
  const lines = [
    '',
    `  Meterr serves at ${url}`,
    '',
    `    GraphQL     ${url}/graphql`,
    `    REST        ${url}/v1`,
    `    Reference   ${url}/docs`,
    ...(process.stdout.isTTY ? ['', '  It runs in this terminal until Ctrl-C: use another one for what follows.'] : []),
    '',
    ...(first ? [`  Your API key, shown once (and kept in ${path}):`, '', `    ${first.secret}`, ''] : []),
    '  Record your first usage event:',
    '',
    `    curl ${url}/v1/usage -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '{"provider": "openai", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 500}'`,
    '',
    '',
  ];
  output.write(lines.join('\n'));
  releaseLog();
}

/**
 * How long after the deadline the process ends whatever has not: a last resort that is never
 * needed.
 */
const LAST_RESORT_MS = 1_000;
/** What a slow reader of standard output gets to take the last lines. */
const LAST_LINES_MS = 200;

/** From the first signal on, stopping takes only so long, also while the server still starts. */
function limitStop({ shutdownSeconds }: Readonly<Config>, { stopping }: StopSignals): void {
  const timeMs = shutdownSeconds * 1000 + LAST_RESORT_MS;
  const limit = () =>
    void setTimeout(() => fail(`Stopping took longer than METERR_SHUTDOWN_SECONDS=${shutdownSeconds}.`), timeMs);
  if (stopping.aborted) limit();
  else stopping.addEventListener('abort', limit);
}

async function stop({ app, output }: Serving, { hurried }: StopSignals): Promise<never> {
  try {
    await app.drain(hurried);
    const isFinished = await app.close();
    await output.flush(LAST_LINES_MS);
    process.exit(isFinished ? 0 : 1);
  } catch (error) {
    fail(`Stopping failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function serve(serving: Serving): Promise<void> {
  const { app, config } = serving;
  try {
    const { port } = await app.listen(config.port, config.host);
    greet(serving, port);
  } catch (error) {
    await app.close();
    const message = explainListenError(error, config);
    throw message === null ? error : new AppError('unavailable', message, { cause: error });
  }
}

async function run(signals: StopSignals, output: LossyOutput): Promise<void> {
  const { stopping: signal } = signals;
  const config = load();
  limitStop(config, signals);
  await requirePort(config);
  const log = createLog(config.logLevel, openLogOutput(output));
  const keepFirstKey = ({ secret }: { secret: string }) => keepKey(config.dataDir, secret);
  const { droppedLines: droppedLogLines } = output;
  const app = await createApp({ config, log, keepFirstKey, signal, droppedLogLines }).catch((error: unknown) => {
    // Nobody was answered yet, so nothing was cut off.
    if (signal.aborted) process.exit(0);
    throw error;
  });
  const serving = { app, config, output };
  signal.addEventListener('abort', () => void stop(serving, signals));
  if (signal.aborted) return stop(serving, signals);
  await serve(serving);
}

/** Serves until a signal stops it; then the process ends. A start that cannot succeed is one line. */
export async function start(signals: StopSignals, output: LossyOutput): Promise<void> {
  await run(signals, output).catch((error: unknown) => {
    if (error instanceof AppError || error instanceof ConfigError) fail(error.message);
    const message = error instanceof Error ? error.message : String(error);
    fail(`The start failed: ${message.replace(/\s+/g, ' ').trim()}`);
  });
}
