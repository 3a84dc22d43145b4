import { formatId } from '../../platform/ids.ts';
import type { CallerOrganization, CreditsModeName, PlanName } from '../access/caller.ts';
import { describeOrganization, lockOrganization } from '../access/lock-organization.ts';
import { requireOperator } from '../access/operator.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { insertOrganization } from './insert-organization.ts';

export interface CreateOrganizationInput {
  /** 1 to 100 characters, white space around them not counted. */
  name: string;
  /** Default free. */
  plan?: PlanName | null;
  /** Default none. */
  creditsMode?: CreditsModeName | null;
}

export interface NewlyCreatedOrganization extends CallerOrganization {
  /** The owner's key, scope `admin`; its secret is shown this once. */
  apiKey: { id: string; secret: string };
}

/**
 * Makes an organization and its owner's key.
 * @throws AppError invalid_request, insufficient_permissions (whoever is not the operator)
 */
export async function createOrganization(
  { caller, resources }: Context,
  input: CreateOrganizationInput,
): Promise<NewlyCreatedOrganization> {
  requireOperator(caller);
  const name = readName(input.name);
  return resources.database.transaction(async (sql) => {
    const wanted = { name, plan: input.plan ?? 'free', creditsMode: input.creditsMode ?? 'none' };
    const { organizationId, apiKeyId, secret } = await insertOrganization(sql, wanted);
    const organization = await lockOrganization(sql, organizationId);
    await recordAudit(sql, {
      caller,
      organizationId,
      action: 'organization.created',
      targetId: formatId('organization', organizationId),
      before: null,
      after: { ...describeOrganization(organization), apiKeyId: formatId('apiKey', apiKeyId) },
      atMs: resources.clock(),
    });
    return { ...organization, apiKey: { id: apiKeyId, secret } };
  });
}
