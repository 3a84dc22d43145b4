import { createHmac } from 'node:crypto';
import { signingKey } from './signing-secret.ts';

/**
 * The headers of Standard Webhooks (standardwebhooks.com): one signature for each secret, over the id,
 * the time and the exact bytes of the body.
 * @param secrets the newest first
 */
export function signMessage(id: string, atMs: number, body: Buffer, secrets: readonly string[]) {
  const timestamp = String(Math.floor(atMs / 1000));
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', signingKey(secret)).update(`${id}.${timestamp}.`).update(body);
    return `v1,${hmac.digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
