import { snakeRecord } from '../http/case.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

function respellState(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? snakeRecord(value) : value;
}

const listAuditLog = route({
  method: 'get',
  path: '/v1/audit-log',
  operationId: 'listAuditLog',
  summary: 'What was changed, by whom, newest first',
  tag: 'Access',
  scope: 'admin',
  operation: operation(
    graphql(`
      query AuditLog(
        $actor: ID, $action: String, $target: ID, $start: DateTime, $end: DateTime, $first: Int, $after: String
      ) {
        auditLog(
          actor: $actor, action: $action, target: $target, start: $start, end: $end, first: $first, after: $after
        ) {
          edges { node { id action targetId actorKeyId actorMemberId address before after createdAt } }
          pageInfo { hasNextPage endCursor }
        }
      }
    `),
  ),
  success: [{ status: 200, description: 'A page of changes.' }],
  errors: [400],
  respell: (entry) => ({ ...entry, before: respellState(entry.before), after: respellState(entry.after) }),
});

export const auditLogRoutes = [listAuditLog];
