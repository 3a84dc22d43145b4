import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findValidKey } from '../../src/domain/access/identify.ts';
import { createApiKey } from '../../src/domain/api-keys/create-api-key.ts';
import { revokeApiKey } from '../../src/domain/api-keys/revoke-api-key.ts';
import { rotateApiKey } from '../../src/domain/api-keys/rotate-api-key.ts';
import { updateApiKey } from '../../src/domain/api-keys/update-api-key.ts';
import type { Context } from '../../src/domain/context.ts';
import { formatId } from '../../src/platform/ids.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { openTestDomain, type TestDomain, useTestDomain } from '../harness/domain.ts';
import { makeOrganization } from '../harness/make.ts';

// Whoever serves a caller for long, such as a socket, asks again whether its secret is still good.

const domain = useTestDomain();
const NOW_MS = Date.parse(DEFAULT_NOW);
let other: TestDomain & { url: string };
let context: Context;

beforeAll(async () => {
  other = await openTestDomain({ connectionString: domain().url });
  context = await other.contextOf(await makeOrganization(domain()));
});

afterAll(() => other.close());

/** Until when this process accepts a secret, after it has read what the other did. */
async function validUntil(secret: string): Promise<number> {
  const { resources } = domain();
  await resources.changes.poll();
  return (await findValidKey(resources, secret)).validUntilMs;
}

async function makeKnown(expiresAt: Date | null = null) {
  const { id: uuid, secret } = await createApiKey(context, { name: 'Known', preset: 'ingest', expiresAt });
  expect(await validUntil(secret)).toBe(expiresAt?.getTime() ?? Number.POSITIVE_INFINITY);
  return { id: formatId('apiKey', uuid), secret };
}

describe('a secret is good', () => {
  it('until its key expires', async () => {
    const { id, secret } = await makeKnown(new Date(NOW_MS + 5_000));
    await updateApiKey(context, { id, expiresAt: new Date(NOW_MS + 1) });
    expect(await validUntil(secret)).toBe(NOW_MS + 1);
    await domain().sql.query('UPDATE api_keys SET expires_at = $1 WHERE name = $2', [DEFAULT_NOW, 'Known']);
    await expect(validUntil(secret)).rejects.toMatchObject({ code: 'expired_api_key' });
  });

  it('until the grace of its rotation is over, or the key expires, if that is sooner', async () => {
    const { id, secret } = await makeKnown();
    const { secret: next } = await rotateApiKey(context, { id, graceSeconds: 60 });
    expect(await validUntil(secret)).toBe(NOW_MS + 60_000);
    expect(await validUntil(next)).toBe(Number.POSITIVE_INFINITY);
    await updateApiKey(context, { id, expiresAt: new Date(NOW_MS + 1_000) });
    expect([await validUntil(secret), await validUntil(next)]).toEqual([NOW_MS + 1_000, NOW_MS + 1_000]);
    await rotateApiKey(context, { id });
    for (const old of [secret, next]) {
      await expect(validUntil(old)).rejects.toMatchObject({ code: 'invalid_api_key' });
    }
  });

  it('until its key is revoked', async () => {
    const { id, secret } = await makeKnown();
    const { secret: next } = await rotateApiKey(context, { id, graceSeconds: 60 });
    await revokeApiKey(context, { id });
    for (const old of [secret, next]) {
      await expect(validUntil(old)).rejects.toMatchObject({ code: 'invalid_api_key' });
    }
  });

  it('never, where it is none', async () => {
    for (const text of ['', 'mtr_live_', `mtr_live_00${'x'.repeat(43)}`]) {
      await expect(validUntil(text)).rejects.toMatchObject({ code: 'invalid_api_key' });
    }
  });
});
