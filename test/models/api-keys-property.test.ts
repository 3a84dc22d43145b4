import fc from 'fast-check';
import { expect, it } from 'vitest';
import { useTestApp } from '../harness/app.ts';

// Whatever is done to a key in whatever order: each secret that it ever had is accepted exactly when
// the plain rules below say so, with the right code, and the key shows what they say.

// Secrets that are refused are asked for again and again.
const meterr = useTestApp({ env: { METERR_AUTH_FAILURES_PER_MINUTE: '100000' } });
const DAY_MS = 86_400_000;
const TIMES_MS = [1, 59_999, 60_000, 3_600_000, DAY_MS, 7 * DAY_MS];

type Step =
  | { kind: 'rotate'; graceSeconds: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'expire'; inMs: number | null }
  | { kind: 'revoke' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('rotate'), graceSeconds: fc.constantFrom(0, 60, 3_600, 604_800) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.constantFrom(...TIMES_MS) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('expire'), inMs: fc.constantFrom(null, ...TIMES_MS) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke') }) },
);

/** The oracle. Times are epoch milliseconds. */
interface Model {
  /** Oldest first. */
  secrets: string[];
  graceUntil: number;
  expiresAt: number;
  isRevoked: boolean;
}

function codeOf({ secrets, graceUntil, expiresAt, isRevoked }: Model, secret: string, nowMs: number): string | null {
  const age = secrets.length - 1 - secrets.indexOf(secret);
  const isKnown = age === 0 || (age === 1 && graceUntil > 0);
  if (isRevoked || !isKnown) return 'invalid_api_key';
  if (expiresAt <= nowMs) return 'expired_api_key';
  return age === 1 && graceUntil <= nowMs ? 'invalid_api_key' : null;
}

async function take(model: Model, path: string, one: Step): Promise<void> {
  const { rest, clock } = meterr();
  const isEnded = model.isRevoked || model.expiresAt <= clock.now();
  if (one.kind === 'wait') return clock.advance(one.ms);
  if (one.kind === 'revoke') {
    expect((await rest('DELETE', path)).status).toBe(200);
    model.isRevoked = true;
  } else if (one.kind === 'expire') {
    const expiresAt = one.inMs === null ? null : new Date(clock.now() + one.inMs).toISOString();
    const { status } = await rest('PATCH', path, { body: { expires_at: expiresAt } });
    expect(status).toBe(model.isRevoked ? 409 : 200);
    if (status === 200) model.expiresAt = one.inMs === null ? Number.POSITIVE_INFINITY : clock.now() + one.inMs;
  } else {
    const body = { grace_seconds: one.graceSeconds };
    const answer = await rest<{ secret: string }>('POST', `${path}/rotate`, { body });
    expect(answer.status).toBe(isEnded ? 409 : 200);
    if (isEnded) return;
    model.secrets.push(answer.body.secret);
    model.graceUntil = one.graceSeconds === 0 ? 0 : clock.now() + one.graceSeconds * 1_000;
  }
}

async function check(model: Model, path: string): Promise<void> {
  const { rest, ok, clock } = meterr();
  const { secrets, graceUntil, expiresAt } = model;
  const nowMs = clock.now();
  const codes = secrets.map((secret) => codeOf(model, secret, nowMs));
  const asked = await Promise.all(secrets.map((key) => rest('GET', '/v1/me', { key })));
  expect(asked.map(({ error }) => error?.code ?? null)).toEqual(codes);
  const accepted = codes.filter((code) => code === null).length;
  expect(await ok('GET', path)).toMatchObject({
    hint: secrets.at(-1)?.slice(-4),
    old_secret_until: accepted === 2 ? new Date(Math.min(graceUntil, expiresAt)).toISOString() : null,
  });
}

it('each secret that a key ever had is accepted exactly when it should be', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      const body = { name: 'Any', preset: 'ingest' };
      const { id, secret } = await meterr().ok<{ id: string; secret: string }>('POST', '/v1/api-keys', { body });
      const path = `/v1/api-keys/${id}`;
      const model = { secrets: [secret], graceUntil: 0, expiresAt: Number.POSITIVE_INFINITY, isRevoked: false };
      for (const one of steps) {
        await take(model, path, one);
        await check(model, path);
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 60_000);
