import { formatId } from '../../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../../platform/page.ts';
import { requireScope } from '../../access/require-scope.ts';
import type { Context } from '../../context.ts';
import { type AnomalyMute, getLivingMute, whereLiving } from './anomaly-mute.ts';

export const MUTE_CURSOR = 'mute';

/**
 * The mutes that have not ended, newest first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listAnomalyMutes(
  { caller, resources }: Context,
  question: PageInput,
): Promise<Page<AnomalyMute>> {
  requireScope(caller, 'budgets:write');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(MUTE_CURSOR, question.after);
  const living = whereLiving(caller, resources.clock());
  const found = await resources.database.prisma.anomalyMute.findMany({
    where: { AND: living, ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}

/** A mute by its UUID. @throws AppError not_found, insufficient_permissions */
export async function getAnomalyMute({ caller, resources }: Context, uuid: string): Promise<AnomalyMute> {
  requireScope(caller, 'budgets:write');
  return getLivingMute(resources.database.prisma, caller, formatId('anomalyMute', uuid), resources.clock());
}
