import { AppError, invalidField } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { CreditsByName, CreditsModeName, OrganizationStatusName, PlanName } from '../access/caller.ts';
import { requireOperator } from '../access/operator.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { describeOrganization, lockOrganization, type Organization } from './organization.ts';

export interface UpdateOrganizationInput {
  /** TypeID of the organization. */
  id: string;
  /** Fields that are left out stay as they are. */
  name?: string | null;
  plan?: PlanName | null;
  creditsMode?: CreditsModeName | null;
  creditsBy?: CreditsByName | null;
  status?: OrganizationStatusName | null;
  /**
   * Days that raw events are kept, 1 to 36,500; null: they are never removed, unless the server's
   * own setting says otherwise.
   */
  retentionDays?: number | null;
}

export const MAX_RETENTION_DAYS = 36_500;

function readRetention(days: number | null | undefined): number | null | undefined {
  if (days === null || days === undefined) return days;
  if (Number.isInteger(days) && days >= 1 && days <= MAX_RETENTION_DAYS) return days;
  throw invalidField('retentionDays', `must be a whole number from 1 to ${MAX_RETENTION_DAYS}, or null`);
}

/**
 * Changes an organization. Where it is suspended, its keys are refused and its data stays. The holds that are open when it turns prepaid reserve credits from then
 * on. It counts at once in this process, and in others as soon as they hear of it (within a second).
 * @throws AppError not_found, invalid_request, insufficient_permissions (whoever is not the
 * operator)
 */
export async function updateOrganization(context: Context, input: UpdateOrganizationInput): Promise<Organization> {
  const { caller, resources } = context;
  requireOperator(caller);
  const name = input.name === undefined || input.name === null ? undefined : readName(input.name);
  const retentionDays = readRetention(input.retentionDays);
  const id = parseId('organization', input.id);
  if (id === null) throw new AppError('not_found', 'There is no organization with this id.');
  const updated = await resources.database.change(async (models) => {
    // Whoever makes or closes a hold, records usage or grants credits reads the mode and whose they
    // are under this lock: none of it is half before the switch. It comes before the row's own lock,
    // as it does for all others.
    if (input.creditsMode || input.creditsBy) await models.$executeRaw`SELECT lock_organization(${id}::uuid)`;
    const known = await lockOrganization(models, id);
    const next = await models.organization.update({
      where: { id },
      data: {
        name,
        plan: input.plan ?? undefined,
        creditsMode: input.creditsMode ?? undefined,
        creditsBy: input.creditsBy ?? undefined,
        status: input.status ?? undefined,
        retentionDays,
      },
    });
    if (known.creditsMode === 'none' && next.creditsMode === 'prepaid') {
      await models.$executeRaw`SELECT reserve_open_holds(${id}::uuid, ${new Date(resources.clock())})`;
    }
    const [before, after] = [describeOrganization(known), describeOrganization(next)];
    if (JSON.stringify(before) === JSON.stringify(after)) return known;
    const change = { action: 'organization.updated', targetId: input.id, before, after, atMs: resources.clock() };
    await recordAudit(models, context, { organizationId: id, ...change });
    return next;
  });
  resources.changes.forget(id);
  return updated;
}
