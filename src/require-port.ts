import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from './config.ts';
import { AppError } from './platform/errors.ts';

/** What the error of a `listen` means, in one line that names the setting; null: something else. */
export function explainListenError(error: unknown, { host, port }: Pick<Config, 'host' | 'port'>): string | null {
  if (!(error instanceof Error && 'code' in error)) return null;
  if (error.code === 'EADDRINUSE')
    return `Port ${port} is taken: something else listens on ${host}:${port}. Set PORT to another one.`;
  if (error.code === 'EACCES') return `Port ${port} may not be opened by this user. Set PORT above 1023.`;
  const isNowhere = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EAFNOSUPPORT', 'EINVAL'].includes(String(error.code));
  return isNowhere
    ? `HOST=${host} is no address of this machine. Set HOST to one, or to 0.0.0.0 for all of them.`
    : null;
}

/**
 * Opens the port and closes it again, before anything is made: a start that will fail leaves
 * nothing. It is not kept open meanwhile, because whoever connects then would wait.
 * @throws AppError unavailable in one line
 */
export async function requirePort(config: Pick<Config, 'host' | 'port'>): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(config.port, config.host);
    await once(probe, 'listening');
  } catch (cause) {
    const message = explainListenError(cause, config);
    throw message === null ? cause : new AppError('unavailable', message, { cause });
  }
  probe.close();
  await once(probe, 'close');
}
