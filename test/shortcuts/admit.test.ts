import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Admission, admit, admitCached } from '../../src/domain/access/admit.ts';
import type { Resources } from '../../src/domain/context.ts';
import { AppError } from '../../src/platform/errors.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { useTestDomain } from '../harness/domain.ts';
import { makeKey, makeOrganization, makeTeam } from '../harness/make.ts';

// `admitCached` answers without waiting, or says "ask": when it answers, `admit` would have
// answered the same.

const OPERATOR_KEY = 'an-operator-key-that-is-long-enough';
const domain = useTestDomain({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
const NOW_MS = Date.parse(DEFAULT_NOW);
const MINUTE_MS = 60_000;
const ADDRESS = 'a test';

/** Keys of every kind, by name. */
let secrets: Record<string, string>;
let organizations: string[] = [];

function forgetAll(): void {
  for (const id of organizations) domain().resources.changes.forget(id);
}

beforeAll(async () => {
  const enterprise = await makeOrganization(domain());
  const team = await makeTeam(domain(), enterprise);
  const free = await makeOrganization(domain(), { plan: 'free' });
  const pro = await makeOrganization(domain(), { plan: 'pro' });
  const suspended = await makeOrganization(domain());
  await domain().sql.query("UPDATE organizations SET status = 'suspended' WHERE id = $1", [suspended.uuid]);
  organizations = [enterprise.uuid, free.uuid, pro.uuid, suspended.uuid];
  const keyOf = async (options: Parameters<typeof makeKey>[2]) => (await makeKey(domain(), enterprise, options)).secret;
  secrets = {
    owner: enterprise.key.secret,
    scoped: await keyOf({ scopes: ['usage:read'] }),
    team: await keyOf({ team, scopes: ['usage:write'] }),
    expiring: await keyOf({ expiresAt: new Date(NOW_MS + MINUTE_MS) }),
    expired: await keyOf({ expiresAt: new Date(NOW_MS) }),
    revoked: await keyOf({ revoked: true }),
    free: free.key.secret,
    pro: pro.key.secret,
    suspended: suspended.key.secret,
    unknown: `mtr_live_${'x'.repeat(43)}`,
    operator: OPERATOR_KEY,
    garbage: 'garbage',
  };
});

/** The same process, later. It knows its keys as before. */
function at(timeMs: number): Resources {
  return { ...domain().resources, clock: () => timeMs };
}

type Answer = { admission: Admission } | { code: string };

async function admitted(resources: Resources, authorization: string | null): Promise<Answer> {
  try {
    return { admission: await admit(resources, authorization, ADDRESS) };
  } catch (error) {
    if (error instanceof AppError) return { code: error.code };
    throw error;
  }
}

const KINDS = 12;
const WRITTEN: readonly ((secret: string) => string | null)[] = [
  (secret) => `Bearer ${secret}`,
  (secret) => `bearer ${secret}`,
  (secret) => `Bearer  ${secret}`,
  (secret) => `Bearer ${secret} `,
  (secret) => secret,
  (secret) => `Basic ${secret}`,
  (secret) => `Bearer ${secret.slice(0, -1)}`,
  () => 'Bearer ',
  () => '',
  () => null,
];

describe('admission without waiting', () => {
  it('is the same caller, limit and refusal as admission by asking, for any header, key and time, or none at all', async () => {
    const request = fc.record({
      kind: fc.nat(KINDS - 1),
      written: fc.oneof(fc.constant(0), fc.nat(WRITTEN.length - 1)),
      laterMs: fc.constantFrom(0, MINUTE_MS - 1, MINUTE_MS, 2 * MINUTE_MS),
      isRemembered: fc.boolean(),
    });
    const names = Object.keys(secrets);
    expect(names).toHaveLength(KINDS);
    let answers = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 12 }), async (requests) => {
        forgetAll();
        for (const { kind, written, laterMs, isRemembered } of requests) {
          const secret = secrets[names[kind] ?? ''] ?? '';
          const authorization = WRITTEN[written]?.(secret) ?? null;
          if (isRemembered) await domain().resources.apiKeys.find(secret);
          const cached = admitCached(at(NOW_MS + laterMs), authorization);
          if (cached === null) continue;
          answers++;
          const { caller, ...rest } = cached;
          expect(await admitted(at(NOW_MS + laterMs), authorization)).toEqual({ admission: { caller, ...rest } });
        }
      }),
      { numRuns: 150 },
    );
    expect(answers).toBeGreaterThan(50);
  });

  it.each(['owner', 'scoped', 'team', 'expiring'])('is had for a key that is known: %s', async (kind) => {
    forgetAll();
    const authorization = `Bearer ${secrets[kind]}`;
    expect(admitCached(at(NOW_MS), authorization)).toBeNull();
    const asked = await admitted(at(NOW_MS), authorization);
    expect({ admission: admitCached(at(NOW_MS), authorization) }).toEqual(asked);
  });

  it.each([
    ['revoked', 'invalid_api_key'],
    ['expired', 'expired_api_key'],
    ['unknown', 'invalid_api_key'],
    ['garbage', 'invalid_api_key'],
  ])('is never had for a key that is %s, however often it was seen', async (kind, code) => {
    const authorization = `Bearer ${secrets[kind]}`;
    for (let i = 0; i < 3; i++) {
      await domain().resources.apiKeys.find(secrets[kind] ?? '');
      expect(admitCached(at(NOW_MS), authorization)).toBeNull();
    }
    expect(await admitted(at(NOW_MS), authorization)).toEqual({ code });
  });

  it.each(['free', 'pro'])('is never had on the plan %s, where each request is counted', async (kind) => {
    const authorization = `Bearer ${secrets[kind]}`;
    const remaining: (number | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      expect(admitCached(at(NOW_MS), authorization)).toBeNull();
      const answer = await admitted(at(NOW_MS), authorization);
      remaining.push('admission' in answer ? answer.admission.rateLimit?.remaining : undefined);
    }
    const [first = Number.NaN] = remaining;
    expect(remaining).toEqual([first, first - 1, first - 2]);
  });

  it('is over with the very millisecond in which a key expires', async () => {
    const authorization = `Bearer ${secrets.expiring}`;
    await admitted(at(NOW_MS), authorization);
    expect(admitCached(at(NOW_MS + MINUTE_MS - 1), authorization)).not.toBeNull();
    expect(admitCached(at(NOW_MS + MINUTE_MS), authorization)).toBeNull();
    expect(await admitted(at(NOW_MS + MINUTE_MS), authorization)).toEqual({ code: 'expired_api_key' });
  });

  it('is not had for the operator, who is no tenant', async () => {
    const authorization = `Bearer ${OPERATOR_KEY}`;
    expect(await admitted(at(NOW_MS), authorization)).toMatchObject({ admission: { rateLimit: null, refusal: null } });
    expect(admitCached(at(NOW_MS), authorization)).toBeNull();
  });

  it('marks the key as used, as admission by asking does', async () => {
    const { resources } = domain();
    const organization = await makeOrganization(domain());
    await resources.apiKeys.find(organization.key.secret);
    const marked: string[] = [];
    const apiKeys = { ...resources.apiKeys, markUsed: (id: string) => void marked.push(id) };
    expect(admitCached({ ...resources, apiKeys }, `Bearer ${organization.key.secret}`)).not.toBeNull();
    expect(marked).toEqual([organization.key.uuid]);
  });
});
