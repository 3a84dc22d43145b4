import { createHash } from 'node:crypto';
import { deriveKeys, hmac, seal, unseal } from '../../platform/cipher.ts';
import { AppError } from '../../platform/errors.ts';
import type { Database } from '../../platform/postgres/database.ts';
import type { Context, Resources } from '../context.ts';
import { readBearer } from './identify.ts';
import { OPERATOR } from './operator.ts';

/** A request with an idempotency key. */
export interface OnceRequest {
  /** The caller's `Authorization`, by which it was admitted. */
  authorization: string;
  /** The idempotency key. */
  key: string;
  /** What the key is used for: keys of different routes are different keys. */
  route: string;
  /**
   * All that the answer depends on, as text: the same for a repeat, another for another request.
   */
  content: string;
}

export interface StoredAnswer {
  status: number;
  body: string | null;
}

interface Claim {
  organizationId: string;
  keyHash: Buffer;
  route: string;
  contentHash: Buffer;
  encryptionKey: Buffer;
}

interface Row {
  body_hash: Buffer;
  /** Null: the first request has not been answered yet. */
  status: number | null;
  body: Buffer | null;
}

/** Keys of the operator, who is in no organization. */
const NO_ORGANIZATION = '00000000-0000-0000-0000-000000000000';
const KEPT_FOR_MS = 86_400_000;
const WAIT_MS = 5_000;
const POLL_MS = 100;
const THIS_CLAIM = 'organization_id = $1 AND key_hash = $2 AND route = $3';

const keyOf = ({ organizationId, keyHash, route }: Claim) => [organizationId, keyHash, route];
const aboutOf = ({ organizationId, route }: Claim) => `${organizationId} ${route}`;

/**
 * The answer may hold a new secret, and of secrets only hashes are stored: so it is encrypted under
 * a key that is made of the caller's own secret and the idempotency key, neither of which the
 * database has. The content is hashed with a second such key, so another caller's request never
 * matches.
 */
function makeClaim({ caller }: Context, request: OnceRequest): Claim {
  const secret = readBearer(request.authorization) ?? '';
  const keys = deriveKeys(secret, `meterr idempotency ${request.key}`);
  return {
    organizationId: caller === OPERATOR ? NO_ORGANIZATION : caller.organization.id,
    keyHash: createHash('sha256').update(request.key).digest(),
    route: request.route,
    contentHash: hmac(keys.authentication, request.content),
    encryptionKey: keys.encryption,
  };
}

/**
 * Null: the claim is ours, and the request is to be run. An answer older than a day is as good as
 * none.
 */
async function claimOrFind({ database, clock }: Resources, claim: Claim): Promise<Row | null> {
  const now = clock();
  const { rows } = await database.pool.query<Row & { claimed: boolean }>(
    `WITH claimed AS (
       INSERT INTO idempotency_keys AS k (organization_id, key_hash, route, body_hash, created_at)
       VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (organization_id, key_hash, route) DO UPDATE
         SET body_hash = excluded.body_hash, status = NULL, body = NULL, created_at = excluded.created_at
         WHERE k.created_at <= $6
       RETURNING true AS claimed, k.body_hash, k.status, k.body)
     SELECT * FROM claimed
     UNION ALL
     SELECT false, k.body_hash, k.status, k.body FROM idempotency_keys k
      WHERE ${THIS_CLAIM} AND NOT EXISTS (SELECT FROM claimed)`,
    [...keyOf(claim), claim.contentHash, new Date(now), new Date(now - KEPT_FOR_MS)],
  );
  const [row] = rows;
  if (row?.claimed) return null;
  // No row at all: another request took the key or gave it up while this statement ran, so its
  // answer is to come.
  return row ?? { body_hash: claim.contentHash, status: null, body: null };
}

function readAnswer(claim: Claim, row: Row): StoredAnswer | null {
  if (!row.body_hash.equals(claim.contentHash)) {
    const message = 'This Idempotency-Key was used before, with another request or another API key.';
    throw new AppError('idempotency_conflict', message);
  }
  if (row.status === null) return null;
  return { status: row.status, body: row.body && unseal(claim.encryptionKey, row.body, aboutOf(claim)) };
}

async function keepAnswer(database: Database, claim: Claim, answer: StoredAnswer): Promise<void> {
  const body = answer.body === null ? null : seal(claim.encryptionKey, answer.body, aboutOf(claim));
  const values = [...keyOf(claim), answer.status, body];
  await database.retryingLostConnections(() =>
    database.pool.query(`UPDATE idempotency_keys SET status = $4, body = $5 WHERE ${THIS_CLAIM}`, values),
  );
}

/**
 * Runs a request for an idempotency key, or replays what it was answered in the last 24 hours. Of
 * requests at the same time one runs, and the others wait for its answer. It never runs twice:
 * where a process died after it began, what became of it is unknown, and the key stays taken.
 *
 * @param run answers the request; `keep` is null where its answer is not final, and the key is free
 * again
 * @throws AppError idempotency_conflict (another request, or another key of the organization),
 * conflict (the first is still running)
 */
export async function runOnce<T>(
  context: Context,
  request: OnceRequest,
  run: () => Promise<{ answer: T; keep: StoredAnswer | null }>,
): Promise<{ answer: T } | { replayed: StoredAnswer }> {
  const { database, log } = context.resources;
  const claim = makeClaim(context, request);
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const row = await claimOrFind(context.resources, claim);
    if (row === null) break;
    const replayed = readAnswer(claim, row);
    if (replayed) return { replayed };
    if (waitedMs >= WAIT_MS) {
      throw new AppError('conflict', 'A request with this Idempotency-Key is still running, or was broken off.');
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const { answer, keep } = await run();
  const settling = keep
    ? keepAnswer(database, claim, keep)
    : database.retryingLostConnections(() =>
        database.pool.query(`DELETE FROM idempotency_keys WHERE ${THIS_CLAIM}`, keyOf(claim)),
      );
  // What was done is done, and the caller is to know it; only a repeat is then refused for a day.
  await settling.catch((error: unknown) => log.warn({ err: error }, 'the answer to an idempotency key was not kept'));
  return { answer };
}

/** Removes what is too old to be replayed. */
export async function removeOldAnswers(
  { database, clock }: Pick<Resources, 'database' | 'clock'>,
  signal?: AbortSignal,
): Promise<void> {
  const before = new Date(clock() - KEPT_FOR_MS);
  await database.transaction((sql) => sql.query('DELETE FROM idempotency_keys WHERE created_at <= $1', [before]), {
    signal,
  });
}
