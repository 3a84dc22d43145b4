import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { usageFailure } from './failure.ts';

/** Where `npm start` listens by default. */
export const DEFAULT_URL = 'http://127.0.0.1:4000';
const DEFAULT_DATA_DIR = '.meterr';
/** The first key of a new database, which `npm start` keeps in the data folder. */
const FIRST_KEY_FILE = 'api-key';
const ROOT = join(import.meta.dirname, '../../..');
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** The options that every command takes. */
export interface GlobalOptions {
  url?: string;
  key?: string;
  operatorKey?: string;
  json?: boolean;
}

/** How the CLI reaches the API. A key that is null was given nowhere. */
export interface Settings {
  /** Without a slash at its end. */
  url: string;
  apiKey: string | null;
  operatorKey: string | null;
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw usageFailure(`"${text}" is not the URL of a server, such as ${DEFAULT_URL}. Set METERR_URL or --url.`);
  }
  return url.href.replace(/\/+$/, '');
}

/** The first key of the server on this machine. It is never sent to another machine. */
function findFirstKey(url: string, dataDir: string): string | null {
  if (!LOOPBACK.test(new URL(url).hostname)) return null;
  try {
    return readFileSync(join(resolve(ROOT, dataDir), FIRST_KEY_FILE), 'utf8').trim() || null;
  } catch {
    return null;
  }
}

/**
 * The settings from flags, else from the environment, where an empty variable counts as not set. The
 * API key may also be the one that `npm start` kept on this machine.
 * @throws CliFailure when the URL is invalid
 */
export function readSettings(options: GlobalOptions, env: NodeJS.ProcessEnv = process.env): Settings {
  const url = readUrl(options.url ?? (env.METERR_URL || DEFAULT_URL));
  const given = options.key ?? (env.METERR_API_KEY || null);
  return {
    url,
    apiKey: given ?? findFirstKey(url, env.METERR_DATA_DIR || DEFAULT_DATA_DIR),
    operatorKey: options.operatorKey ?? (env.METERR_OPERATOR_KEY || null),
  };
}
