import { requireScope } from '../../domain/access/require-scope.ts';
import { AUDIT_CURSOR, listAuditEntries, whereAudit } from '../../domain/audit/list-audit-entries.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { toConnection } from '../builder/connection.ts';

const AuditEntryRef = builder.prismaNode('AuditEntry', {
  description: 'One change: who made it, to what, when.',
  id: { resolve: (entry) => entry.id },
  nullable: true,
  findUnique(id, { caller }) {
    requireScope(caller, 'admin');
    return { organizationId_id: { organizationId: caller.organization.id, id }, AND: whereAudit(caller) };
  },
  fields: (t) => ({
    action: t.exposeString('action', { description: 'Such as `team.created`.' }),
    targetId: t.exposeID('targetId'),
    actorKeyId: t.id({
      nullable: true,
      description: 'The API key that did it; null: the operator.',
      resolve: ({ actorKeyId }) => actorKeyId && formatId('apiKey', actorKeyId),
    }),
    before: t.expose('before', { type: 'JSON', nullable: true }),
    after: t.expose('after', { type: 'JSON', nullable: true }),
    createdAt: t.expose('at', { type: 'DateTime' }),
  }),
});

const AuditEntryConnection = builder.connectionObject({ type: AuditEntryRef, name: 'AuditEntryConnection' });

builder.queryField('auditLog', (t) =>
  t.field({
    type: AuditEntryConnection,
    description: 'Changes that were made, newest first. Scope admin.',
    args: {
      first: t.arg.int({ description: '1 to 100; default 20.' }),
      after: t.arg.string(),
    },
    resolve: async (_, args, context) =>
      toConnection(AUDIT_CURSOR, await listAuditEntries(context, args), (entry) => entry.id, args.after),
  }),
);
