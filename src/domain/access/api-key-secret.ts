import { createHash, randomBytes } from 'node:crypto';

const SECRET_PREFIX = 'mtr_live_';
const SECRET_BYTES = 32;
const HINT_LENGTH = 4;
/**
 * The cell that this database is: all that an organization has is in one cell, and any proxy that
 * looks at a prefix can tell from a key which one. There is one cell today.
 */
export const CELL = '00';
/** Secrets made before cells have none; they are recognised by their length. */
const SECRET = /^mtr_live_(?<cell>[0-9a-z]{2})?[A-Za-z0-9_-]{43}$/;

export interface NewSecret {
  secret: string;
  hash: Uint8Array<ArrayBuffer>;
  /** The last characters, enough to tell keys apart on a screen. */
  hint: string;
}

/**
 * A new API key secret: `mtr_live_`, two characters of the cell, and 256 random bits in base64url.
 * Only its hash is ever stored.
 */
export function newApiKeySecret(): NewSecret {
  const secret = SECRET_PREFIX + CELL + randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, hash: hashApiKeySecret(secret), hint: secret.slice(-HINT_LENGTH) };
}

/**
 * SHA-256. A plain hash is enough: the secret has 256 bits of its own, nothing to guess from a
 * dictionary.
 */
export function hashApiKeySecret(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(secret).digest());
}

/** Whether a string has the form of a secret of this cell, before any look-up. */
export function isApiKeySecret(text: string): boolean {
  const match = SECRET.exec(text);
  return match !== null && (match.groups?.cell ?? CELL) === CELL;
}
