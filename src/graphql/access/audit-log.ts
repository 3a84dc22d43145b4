import { requireScope } from '../../domain/access/require-scope.ts';
import { AUDIT_CURSOR, listAuditEntries, whereAudit } from '../../domain/audit/list-audit-entries.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';

const AuditEntryRef = builder.prismaNode('AuditEntry', {
  description: 'An entry of the audit log: who changed what, and when.',
  id: { resolve: (entry) => entry.id },
  nullable: true,
  findUnique(id, { caller }) {
    requireScope(caller, 'admin');
    return { organizationId_id: { organizationId: caller.organization.id, id }, AND: whereAudit(caller) };
  },
  fields: (t) => ({
    action: t.exposeString('action', { description: 'What was done, such as `team.created`.' }),
    targetId: t.exposeID('targetId', { description: 'Id of what was changed.' }),
    actorKeyId: t.id({
      nullable: true,
      description:
        'The API key that made the change; null: the operator, whoever accepted an invite, or the server itself, which ' +
        'has no address.',
      resolve: ({ actorKeyId }) => actorKeyId && formatId('apiKey', actorKeyId),
    }),
    actorMemberId: t.id({
      nullable: true,
      description: 'The member whose API key it was, or who accepted an invite; null: the key belongs to no member.',
      resolve: ({ actorMemberId }) => actorMemberId && formatId('member', actorMemberId),
    }),
    address: t.exposeString('address', {
      nullable: true,
      description: 'The network address that the request came from.',
    }),
    before: t.expose('before', {
      type: 'JSON',
      nullable: true,
      description: 'The object before the change; null where the change created it.',
    }),
    after: t.expose('after', {
      type: 'JSON',
      nullable: true,
      description: 'The object after the change; null where the change deleted or revoked it.',
    }),
    createdAt: t.expose('at', { type: 'DateTime' }),
  }),
});

const AuditEntryConnection = builder.connectionObject({ type: AuditEntryRef, name: 'AuditEntryConnection' });

builder.queryField('auditLog', (t) =>
  t.field({
    type: AuditEntryConnection,
    description: 'The audit log, newest first. Requires the scope `admin`.',
    args: {
      actor: t.arg.id({
        description: 'Only changes by this API key or member, by its id; or by the operator, with `operator`.',
      }),
      action: t.arg.string({ description: 'Only changes of this kind, such as `team.created`.' }),
      target: t.arg.id({ description: 'Only changes of the object with this id.' }),
      start: t.arg({ type: 'DateTime', description: 'Only changes from this time on.' }),
      end: t.arg({ type: 'DateTime', description: 'Only changes before this time.' }),
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(AUDIT_CURSOR, await listAuditEntries(context, args), (entry) => entry.id, args.after),
  }),
);
