import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { getVisibleWebhook, type Webhook, whereWebhooks } from './webhook.ts';

export const WEBHOOK_CURSOR = 'webhook';

/**
 * The webhooks, newest first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listWebhooks({ caller, resources }: Context, question: PageInput): Promise<Page<Webhook>> {
  requireScope(caller, 'webhooks:read');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(WEBHOOK_CURSOR, question.after);
  const found = await resources.database.prisma.webhook.findMany({
    where: { AND: whereWebhooks(caller), ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}

/**
 * A webhook by its TypeID.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getWebhook({ caller, resources }: Context, id: string): Promise<Webhook> {
  requireScope(caller, 'webhooks:read');
  return getVisibleWebhook(resources.database.prisma, caller, id);
}
