import { createHash, randomFillSync } from 'node:crypto';

/**
 * The prefix of each kind of id. Ids on the wire are TypeIDs (github.com/jetify-com/typeid, v0.3):
 * a prefix and a UUIDv7 in 26 letters of Crockford base32. The domain and the database use UUID
 * strings.
 */
export const ID_PREFIXES = {
  organization: 'org',
  team: 'team',
  member: 'member',
  invite: 'invite',
  apiKey: 'key',
  usageEvent: 'usage',
  budget: 'budget',
  event: 'event',
  webhook: 'webhook',
  delivery: 'delivery',
  provider: 'provider',
  price: 'price',
  grant: 'grant',
  hold: 'hold',
  modelAlias: 'alias',
  job: 'job',
  auditEntry: 'audit',
  anomalyMute: 'mute',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));
const LETTER_CODES = Buffer.from(ALPHABET, 'latin1');
const SUFFIX_LENGTH = 26;
const RANDOM_POOL_BYTES = 8192;
const pool = Buffer.alloc(RANDOM_POOL_BYTES);
let poolOffset = RANDOM_POOL_BYTES;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const HEX_CODES = Buffer.from('0123456789abcdef', 'latin1');
const DASH = 45;
/** Strings are assembled here, which is safe because nothing awaits meanwhile. */
const scratch = Buffer.alloc(64);

function uuidText(bytes: Uint8Array): string {
  let at = 0;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) scratch[at++] = DASH;
    const byte = bytes[i] as number;
    scratch[at++] = HEX_CODES[byte >> 4] as number;
    scratch[at++] = HEX_CODES[byte & 15] as number;
  }
  return scratch.toString('latin1', 0, at);
}

function stampV7(bytes: Uint8Array, timeMs: number): void {
  let high = Math.floor(timeMs / 0x10000);
  bytes[5] = timeMs & 0xff;
  bytes[4] = (timeMs >>> 8) & 0xff;
  for (let i = 3; i >= 0; i--) {
    bytes[i] = high & 0xff;
    high = Math.floor(high / 256);
  }
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
}

/** Makes a random UUIDv7 (RFC 9562) whose first 48 bits are `timeMs`, in epoch milliseconds. */
export function newUuid(timeMs: number = Date.now()): string {
  if (poolOffset + 16 > RANDOM_POOL_BYTES) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const bytes = pool.subarray(poolOffset, poolOffset + 16);
  poolOffset += 16;
  stampV7(bytes, timeMs);
  return uuidText(bytes);
}

/** Makes a UUIDv7 of `timeMs` and a SHA-256 of `content`: equal content gives equal ids. */
export function contentUuid(timeMs: number, content: string): string {
  const bytes = createHash('sha256').update(content).digest().subarray(0, 16);
  stampV7(bytes, timeMs);
  return uuidText(bytes);
}

/** The smallest UUID of the time `timeMs`: a range of ids selects a range of time. */
export function uuidFloor(timeMs: number): string {
  const hex = Math.max(0, timeMs).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** A cache by kind, for ids that repeat from event to event. */
const FORMATTED: Partial<Record<IdKind, Map<string, string>>> = {
  organization: new Map(),
  team: new Map(),
  apiKey: new Map(),
  price: new Map(),
};
const MAX_FORMATTED = 10_000;

/** Makes a TypeID such as `usage_01h455vb4pex5vsknk084sn02q` from a kind and a UUID. */
export function formatId(kind: IdKind, uuid: string): string {
  const formatted = FORMATTED[kind];
  if (formatted === undefined) return encodeId(kind, uuid);
  let id = formatted.get(uuid);
  if (id === undefined) {
    id = encodeId(kind, uuid);
    if (formatted.size >= MAX_FORMATTED) formatted.clear();
    formatted.set(uuid, id);
  }
  return id;
}

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87;
}

function encodeId(kind: IdKind, uuid: string): string {
  let at = 0;
  // Two zero bits come first: 26 letters of five bits hold 130 bits.
  let bits = 0;
  let count = 2;
  for (let i = 0; i < uuid.length; i++) {
    const code = uuid.charCodeAt(i);
    if (code === DASH) continue;
    bits = (bits << 4) | hexDigit(code);
    count += 4;
    if (count >= 5) {
      count -= 5;
      scratch[at++] = LETTER_CODES[(bits >> count) & 31] as number;
    }
  }
  return `${ID_PREFIXES[kind]}_${scratch.toString('latin1', 0, at)}`;
}

/** Returns the UUID in a TypeID of this kind, or null when the string is not one. */
export function parseId(kind: IdKind, text: string): string | null {
  const prefix = `${ID_PREFIXES[kind]}_`;
  if (!text.startsWith(prefix) || text.length !== prefix.length + SUFFIX_LENGTH) return null;
  const digits: number[] = [];
  for (const letter of text.slice(prefix.length)) {
    const value = VALUES.get(letter);
    if (value === undefined) return null;
    digits.push(value);
  }
  const first = digits[0] as number;
  if (first > 7) return null;
  let hex = HEX[(first << 5) | (digits[1] as number)] as string;
  for (let i = 2; i < SUFFIX_LENGTH; i += 8) {
    const chunk = digits.slice(i, i + 8).reduce((sum, digit) => sum * 32 + digit, 0);
    hex += chunk.toString(16).padStart(10, '0');
  }
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Returns the kind and the UUID of any TypeID, or null. */
export function parseAnyId(text: string): { kind: IdKind; uuid: string } | null {
  for (const kind of Object.keys(ID_PREFIXES) as IdKind[]) {
    const uuid = parseId(kind, text);
    if (uuid) return { kind, uuid };
  }
  return null;
}
