import { createHash, randomBytes } from 'node:crypto';
import { CELL } from '../access/api-key-secret.ts';

const TOKEN_PREFIX = 'inv_';
const TOKEN_BYTES = 32;
const TOKEN = /^inv_(?<cell>[0-9a-z]{2})[A-Za-z0-9_-]{43}$/;

/** SHA-256: the token has 256 random bits, so there is nothing to guess. */
export function hashInviteToken(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest());
}

/** A new token: `inv_`, the cell, and 256 random bits in base64url. Only its hash is stored. */
export function newInviteToken(): { token: string; hash: Uint8Array<ArrayBuffer> } {
  const token = TOKEN_PREFIX + CELL + randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, hash: hashInviteToken(token) };
}

/** Whether a string has the form of a token of this cell, before any look-up. */
export function isInviteToken(text: string): boolean {
  return TOKEN.exec(text)?.groups?.cell === CELL;
}
