import { newUuid } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { newApiKeySecret } from '../access/api-key-secret.ts';
import type { CreditsModeName, PlanName } from '../access/caller.ts';
import type { Scope } from '../access/scopes.ts';
import type { Organization } from './organization.ts';

export interface NewOrganization {
  name: string;
  plan: PlanName;
  creditsMode: CreditsModeName;
}

/**
 * With the owner's key, scope `admin`; its secret is shown this once, since only its hash is
 * stored.
 */
export interface NewlyCreatedOrganization extends Organization {
  apiKey: { id: string; secret: string };
}

/**
 * Writes an organization and its owner's key, in the caller's transaction. Asks nothing: the verbs
 * that call it do.
 */
export async function insertOrganization(models: Models, given: NewOrganization): Promise<NewlyCreatedOrganization> {
  const apiKeyId = newUuid();
  const { secret, hash, hint } = newApiKeySecret();
  const owner = { id: apiKeyId, name: 'Owner', secretHash: hash, hint, scopes: ['admin' satisfies Scope] };
  const organization = await models.organization.create({
    data: { id: newUuid(), ...given, apiKeys: { create: owner } },
  });
  return { ...organization, apiKey: { id: apiKeyId, secret } };
}
