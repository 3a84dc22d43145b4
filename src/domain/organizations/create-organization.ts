import { formatId } from '../../platform/ids.ts';
import type { CreditsModeName, PlanName } from '../access/caller.ts';
import { requireOperator } from '../access/operator.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { insertOrganization, type NewlyCreatedOrganization } from './insert-organization.ts';
import { describeOrganization } from './organization.ts';

export interface CreateOrganizationInput {
  /** 1 to 100 characters, white space around them not counted. */
  name: string;
  /** Default free. */
  plan?: PlanName | null;
  /** Default none. */
  creditsMode?: CreditsModeName | null;
}

/**
 * Makes an organization and its owner's key.
 * @throws AppError invalid_request, insufficient_permissions (whoever is not the operator)
 */
export async function createOrganization(
  context: Context,
  input: CreateOrganizationInput,
): Promise<NewlyCreatedOrganization> {
  const { caller, resources } = context;
  requireOperator(caller);
  const name = readName(input.name);
  return resources.database.change(async (models) => {
    const wanted = { name, plan: input.plan ?? 'free', creditsMode: input.creditsMode ?? 'none' };
    const organization = await insertOrganization(models, wanted);
    await recordAudit(models, context, {
      organizationId: organization.id,
      action: 'organization.created',
      targetId: formatId('organization', organization.id),
      before: null,
      after: { ...describeOrganization(organization), apiKeyId: formatId('apiKey', organization.apiKey.id) },
      atMs: resources.clock(),
    });
    return organization;
  });
}
