import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Two keys of one origin, for two purposes that must not share one. */
export interface DerivedKeys {
  encryption: Buffer;
  authentication: Buffer;
}

/**
 * Derives keys from a secret (HKDF-SHA256, RFC 5869); `purpose` keeps those of different uses
 * apart.
 */
export function deriveKeys(secret: string, purpose: string): DerivedKeys {
  const bytes = Buffer.from(hkdfSync('sha256', secret, '', purpose, 2 * KEY_BYTES));
  return { encryption: bytes.subarray(0, KEY_BYTES), authentication: bytes.subarray(KEY_BYTES) };
}

/**
 * HMAC-SHA256: says nothing of the text to whoever lacks the key, not even to one who guesses it.
 */
export function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/**
 * Encrypts a text (AES-256-GCM, a random nonce): nonce, tag, ciphertext. `about` must be the same
 * to open it.
 */
export function seal(key: Uint8Array, text: string, about: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(about));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/**
 * Opens what {@link seal} made. @throws Error where the key or `about` is another, or a bit has
 * changed
 */
export function unseal(key: Uint8Array, sealed: Uint8Array, about: string): string {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(about))
    .setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
}
