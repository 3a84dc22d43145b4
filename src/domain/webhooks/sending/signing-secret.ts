import { randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
const KEY_BYTES = 32;

/** What secrets of webhooks are encrypted for, see platform/cipher.ts. */
export const SECRET_PURPOSE = 'meterr webhook secrets';

/** Makes a secret of Standard Webhooks: `whsec_` and 32 random bytes in base64. */
export function newSigningSecret(): string {
  return PREFIX + randomBytes(KEY_BYTES).toString('base64');
}

/** The bytes that sign. */
export function signingKey(secret: string): Buffer {
  return Buffer.from(secret.slice(PREFIX.length), 'base64');
}

/** The place of a webhook's secret, which it is encrypted for. */
export function secretPlace(organizationId: string, webhookId: string): string {
  return `${organizationId} ${webhookId}`;
}
