import { requireScope } from '../../access/require-scope.ts';
import { recordAudit } from '../../audit/record-audit.ts';
import type { Context } from '../../context.ts';
import { type AnomalyMute, auditMute, getLivingMute } from './anomaly-mute.ts';

/**
 * Ends a mute. An incident that goes on raises its event with the next interval over the band.
 * @param input.id TypeID
 * @returns the mute as it stood
 * @throws AppError not_found, insufficient_permissions
 */
export async function deleteAnomalyMute(context: Context, input: { id: string }): Promise<AnomalyMute> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:write');
  const atMs = resources.clock();
  const { id: organizationId } = caller.organization;
  return resources.database.change(async (models) => {
    await models.$executeRaw`SELECT lock_organization(${organizationId}::uuid)`;
    const mute = await getLivingMute(models, caller, input.id, atMs);
    await models.anomalyMute.delete({ where: { organizationId_id: { organizationId, id: mute.id } } });
    const change = { action: 'anomaly_mute.deleted', targetId: input.id, before: auditMute(mute), after: null, atMs };
    await recordAudit(models, context, change);
    return mute;
  });
}
