import { hashApiKeySecret, newApiKeySecret } from '../../src/domain/access/api-key-secret.ts';
import { contentUuid } from '../../src/platform/ids.ts';
import type { BenchOptions } from '../harness/bench.ts';

export const DAY_MS = 86_400_000;
/** The events lie in so many whole UTC days, up to the last midnight. */
export const DAYS = 40;
/** What the questions ask for, up to the same midnight. */
export const ASKED_DAYS = 31;
/** Prices with eighteen places: a sum that rounds anywhere shows in its last digit. */
export const MODELS = [
  { provider: 'openai', model: 'gpt-4o', input: '0.000002500000000001', output: '0.000010000000000003' },
  { provider: 'openai', model: 'gpt-4o-mini', input: '0.000000150000000007', output: '0.000000600000000011' },
  { provider: 'anthropic', model: 'claude-sonnet-4-5', input: '0.000003000000000013', output: '0.000015000000000017' },
  { provider: 'anthropic', model: 'claude-haiku-4-5', input: '0.000001000000000019', output: '0.000005000000000023' },
  { provider: 'google', model: 'gemini-2.5-flash', input: '0.000000300000000029', output: '0.000002500000000031' },
] as const;
/** How many of them each small organization uses. */
export const SMALL_MODELS = 2;
export const SMALL_USERS = 4;
export const ENVS = ['prod', 'staging', 'dev'] as const;
export const FEATURES = 20;
const KEYS_A_TEAM = 20;

/** An API key as the server knows it, and its secret. */
export interface TenantKey {
  id: string;
  teamId: string | null;
  secret: string;
  hash: Buffer;
  hint: string;
}

export interface Tenant {
  id: string;
  teams: string[];
  keys: TenantKey[];
}

/**
 * Who there is, and how much they use. All but the keys' secrets is the same in every run of a day.
 */
export interface Shape {
  /** Half of the events are the first one's; the others share the rest evenly. */
  tenants: Tenant[];
  /** Of the first organization. */
  users: number;
  events: number;
  /** Fresh events that a fold of their own is measured with, each of another user. */
  fresh: number;
  /** A UTC midnight: where the events end. */
  endMs: number;
}

function makeTenant(place: number, teams: number, keys: number, createdMs: number): Tenant {
  const id = contentUuid(createdMs, `tenant ${place}`);
  const teamIds = Array.from({ length: teams }, (_, i) => contentUuid(createdMs, `team ${place} ${i}`));
  const makeKey = (_: unknown, i: number): TenantKey => {
    const { secret, hint } = newApiKeySecret();
    const hash = Buffer.from(hashApiKeySecret(secret));
    return { id: contentUuid(createdMs, `key ${place} ${i}`), teamId: teamIds[i % teams] ?? null, secret, hash, hint };
  };
  return { id, teams: teamIds, keys: Array.from({ length: keys }, makeKey) };
}

/**
 * 5,000 organizations, 100,000 users and 20,000 series in 2M events; a tenth of each with
 * `--quick`.
 */
export function makeShape({ quick }: BenchOptions): Shape {
  const share = quick ? 10 : 1;
  const endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const createdMs = endMs - DAYS * DAY_MS;
  const keys = 2_000 / share;
  const large = makeTenant(0, keys / KEYS_A_TEAM, keys, createdMs);
  const small = Array.from({ length: 5_000 / share - 1 }, (_, i) => makeTenant(i + 1, 0, 1, createdMs));
  return {
    tenants: [large, ...small],
    users: 100_000 / share,
    events: 2_000_000 / share,
    fresh: 100_000 / share,
    endMs,
  };
}
