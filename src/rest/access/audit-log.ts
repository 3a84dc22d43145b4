import { z } from '@hono/zod-openapi';
import { PAGE_LIMIT } from '../../platform/page.ts';
import { snakeRecord } from '../http/case.ts';
import { graphql } from '../http/graphql.ts';
import { operation, route } from '../http/route.ts';
import { listOf, pageQuery, time, toList } from '../http/schemas.ts';

const state = z.unknown().openapi({ type: ['object', 'null'], example: { name: 'Research' } });

const auditEntry = z
  .object({
    id: z.string().openapi({ example: 'audit_01h455vb4pex5vsknk084sn02q' }),
    action: z.string().openapi({ example: 'team.created' }),
    target_id: z.string().openapi({ example: 'team_01h455vb4pex5vsknk084sn02q' }),
    actor_key_id: z.string().nullable().openapi({ description: 'The API key that did it; null: the operator.' }),
    before: state,
    after: state,
    created_at: time,
  })
  .openapi('AuditEntry');

const list = operation(
  graphql(`
    query AuditLog($first: Int, $after: String) {
      auditLog(first: $first, after: $after) {
        edges { node { id action targetId actorKeyId before after createdAt } }
        pageInfo { hasNextPage endCursor }
      }
    }
  `),
);

function respell(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? snakeRecord(value) : value;
}

const listAuditLog = route({
  method: 'get',
  path: '/v1/audit-log',
  operationId: 'listAuditLog',
  summary: 'What was changed, by whom, newest first',
  tag: 'Access',
  scope: 'admin',
  query: z.strictObject(pageQuery(PAGE_LIMIT.max)),
  success: [{ status: 200, description: 'A page of changes.', schema: listOf(auditEntry, 'AuditEntryList') }],
  errors: [400],
  async run({ query }, execute) {
    const { audit_log: log } = await execute(list, { first: query.limit, after: query.cursor });
    const { data, ...page } = toList(log);
    const entries = data.map((entry) => ({ ...entry, before: respell(entry.before), after: respell(entry.after) }));
    return { status: 200, body: { data: entries, ...page } };
  },
});

export const auditLogRoutes = [listAuditLog];
