import { deriveKeys, seal, unseal } from './cipher.ts';

/** Stores secrets that must be read again. */
export interface SecretBox {
  /** @param about where the secret is kept: it can be opened only there */
  close(secret: string, about: string): Buffer;
  /** @throws Error where the secret was closed under another key, or for another place */
  open(closed: Uint8Array, about: string): string;
}

/** The first byte says how the rest is stored. */
const PLAIN = 0;
const SEALED = 1;

/**
 * Makes a box over the operator's key. Without a key, secrets are stored as they are: what was stored
 * so can be opened after a key was set, and what is stored from then on is encrypted.
 */
export function createSecretBox(encryptionKey: string | null, purpose: string): SecretBox {
  const key = encryptionKey === null ? null : deriveKeys(encryptionKey, purpose).encryption;
  return {
    close(secret, about) {
      if (key === null) return Buffer.concat([Buffer.of(PLAIN), Buffer.from(secret, 'utf8')]);
      return Buffer.concat([Buffer.of(SEALED), seal(key, secret, about)]);
    },
    open(closed, about) {
      const content = closed.subarray(1);
      if (closed[0] === PLAIN) return Buffer.from(content).toString('utf8');
      if (key === null) throw new Error('a secret is encrypted, and METERR_ENCRYPTION_KEY is not set');
      return unseal(key, content, about);
    },
  };
}
