import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Two keys derived from one secret, for two purposes that must not share a key. */
export interface DerivedKeys {
  encryption: Buffer;
  authentication: Buffer;
}

/** Derives two 32-byte keys (HKDF-SHA256, RFC 5869); another `purpose` gives other keys. */
export function deriveKeys(secret: string, purpose: string): DerivedKeys {
  const bytes = Buffer.from(hkdfSync('sha256', secret, '', purpose, 2 * KEY_BYTES));
  return { encryption: bytes.subarray(0, KEY_BYTES), authentication: bytes.subarray(KEY_BYTES) };
}

/** HMAC-SHA256. Without the key, nobody can confirm even a correct guess of the string. */
export function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/**
 * Encrypts a string with AES-256-GCM and a random nonce. Returns nonce, tag and ciphertext, in this
 * order. `about` is authenticated but not stored: {@link unseal} needs the same value.
 */
export function seal(key: Uint8Array, text: string, about: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(about));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/**
 * Decrypts what {@link seal} returned.
 * @throws Error when the key or `about` differs, or when a bit was changed
 */
export function unseal(key: Uint8Array, sealed: Uint8Array, about: string): string {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(about))
    .setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
}

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
