import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, ConfigError, readConfig } from '../src/config.ts';

const HTTP_NOT_FOUND = 404;
const HTTP_UNAUTHORIZED = 401;
const HTTP_FAILURES = 400;

/** Ends the demo with one line that says what to do. */
export function fail(message: string): never {
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

/** The configuration that the server was started with, where both see the same environment. */
export const config = load();

function findBase(): string {
  if (process.env.METERR_URL) return process.env.METERR_URL.replace(/\/+$/, '');
  const host = config.host === '0.0.0.0' || config.host === '::' ? 'localhost' : config.host;
  if (config.port === 0) fail('PORT=0 means any free port: set METERR_URL to the address that the server printed.');
  return `http://${host.includes(':') ? `[${host}]` : host}:${config.port}`;
}

function readKey(): string {
  if (process.env.METERR_API_KEY) return process.env.METERR_API_KEY;
  const file = join(config.dataDir, 'api-key');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return fail(`No API key: set METERR_API_KEY, or start the server once (npm start), which stores one in ${file}.`);
  }
}

/** Where the server answers: METERR_URL, else HOST and PORT as the server reads them. */
export const BASE = findBase();

export interface Sent {
  status: number;
  text: string;
}

/** The API as the demo uses it, with one key. */
export interface Client {
  /** Ends the demo when no server answers, or when the key is invalid. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Sent>;
  /** Null on a 404. Ends the demo on any other failure. */
  call<T>(method: string, path: string, body?: unknown): Promise<T | null>;
  /** Ends the demo on any failure. */
  get<T>(path: string): Promise<T>;
}

/** Makes a client; by default with the key of the first organization. */
export function createClient(key: string = readKey()): Client {
  async function send(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<Sent> {
    const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', ...more };
    const request = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
    const response = await fetch(BASE + path, request).catch(() =>
      fail(`No server answers at ${BASE}: start it with npm start in another terminal, or set METERR_URL.`),
    );
    const { status } = response;
    if (status === HTTP_UNAUTHORIZED)
      fail(`${BASE} does not accept this API key: set METERR_API_KEY to one of its own.`);
    return { status, text: await response.text() };
  }

  async function call<T>(method: string, path: string, body?: unknown): Promise<T | null> {
    const { status, text } = await send(method, path, body);
    if (status === HTTP_NOT_FOUND) return null;
    if (status >= HTTP_FAILURES) fail(`${method} ${path} answered ${status}: ${text.slice(0, 500)}`);
    return JSON.parse(text) as T;
  }

  return {
    send,
    call,
    get: async <T>(path: string) =>
      (await call<T>('GET', path)) ?? fail(`${BASE} has no ${path.split('?')[0]}: is it a Meterr server?`),
  };
}
