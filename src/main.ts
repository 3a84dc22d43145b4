import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type App, createApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { AppError } from './platform/errors.ts';
import { listeningUrl } from './platform/http/public-url.ts';
import { createLog, type HeldOutput, holdUntilReleased } from './platform/log.ts';

const KEY_FILE = 'api-key';

/** In a terminal the log waits for the greeting; elsewhere nothing is held. */
const heldLog: HeldOutput | undefined = process.stdout.isTTY ? holdUntilReleased(process.stdout) : undefined;

function fail(message: string): never {
  heldLog?.release();
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function load(): Readonly<Config> {
  try {
    return readConfig();
  } catch (error) {
    if (error instanceof ConfigError) fail(error.message);
    throw error;
  }
}

/**
 * The key, kept for its owner's eyes only, so that the first run's screen is not its only place.
 */
async function keepKey(dataDir: string, secret: string): Promise<void> {
  const file = join(dataDir, KEY_FILE);
  await mkdir(dataDir, { recursive: true });
  // A key of another database may be there: it is moved aside, never lost.
  await rename(file, `${file}.previous`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
}

async function greet(app: App, config: Readonly<Config>, port: number): Promise<void> {
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
  process.stdout.write(lines.join('\n'));
  heldLog?.release();
}

/**
 * How long after the deadline the process ends whatever has not: a last resort that is never
 * needed.
 */
const LAST_RESORT_MS = 1_000;

/**
 * Aborts at the first SIGTERM or SIGINT. Later ones are ignored: npm repeats the one that the
 * terminal sent.
 */
function watchSignals(config: Readonly<Config>): AbortSignal {
  const stopping = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) return;
    process.stdout.write(`\n${signal}: finishing what is in flight.\n`);
    const timeMs = config.shutdownSeconds * 1000 + LAST_RESORT_MS;
    setTimeout(() => fail(`Stopping took longer than METERR_SHUTDOWN_SECONDS=${config.shutdownSeconds}.`), timeMs);
    stopping.abort(new AppError('unavailable', 'The start was interrupted.'));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return stopping.signal;
}

async function stop(app: App): Promise<never> {
  try {
    process.exit((await app.close()) ? 0 : 1);
  } catch (error) {
    fail(`Stopping failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function serve(app: App, config: Readonly<Config>): Promise<void> {
  try {
    const { port } = await app.listen(config.port, config.host);
    await greet(app, config, port);
  } catch (error) {
    await app.close();
    if (!(error instanceof Error && 'code' in error)) throw error;
    const where = `${config.host}:${config.port}`;
    if (error.code === 'EADDRINUSE')
      fail(`Port ${config.port} is taken: something else listens on ${where}. Set PORT.`);
    if (error.code === 'EACCES') fail(`Port ${config.port} may not be opened by this user. Set PORT above 1023.`);
    if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
      fail(`HOST=${config.host} is no address of this machine.`);
    throw error;
  }
}

async function start(): Promise<void> {
  const config = load();
  const signal = watchSignals(config);
  const log = createLog(config.logLevel, heldLog);
  const keepFirstKey = ({ secret }: { secret: string }) => keepKey(config.dataDir, secret);
  const app = await createApp({ config, log, keepFirstKey, signal }).catch((error: unknown) => {
    // Nobody was answered yet, so nothing was cut off.
    if (signal.aborted) process.exit(0);
    throw error;
  });
  signal.addEventListener('abort', () => void stop(app));
  if (signal.aborted) return stop(app);
  await serve(app, config);
}

await start().catch((error: unknown) => {
  if (error instanceof AppError) fail(error.message);
  throw error;
});
