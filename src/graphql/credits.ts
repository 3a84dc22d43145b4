import { type CreditSummary, getCredits } from '../domain/credits/get-credits.ts';
import { type CreditGrant, grantCredits } from '../domain/credits/grant-credits.ts';
import {
  CREDIT_CAUSES,
  CREDIT_CURSOR,
  type CreditCause,
  type CreditEntry,
  listCreditEntries,
} from '../domain/credits/list-credit-entries.ts';
import { formatId } from '../platform/ids.ts';
import { CreditsModeEnum } from './access/access.ts';
import { builder } from './builder/builder.ts';
import { toConnection } from './builder/connection.ts';

const CreditsRef = builder.objectRef<CreditSummary>('Credits').implement({
  description: 'The prepaid credits in USD: available = granted - used - held - expired.',
  fields: (t) => ({
    mode: t.expose('mode', { type: CreditsModeEnum }),
    granted: t.expose('granted', { type: 'Decimal' }),
    used: t.expose('used', { type: 'Decimal' }),
    held: t.expose('held', { type: 'Decimal' }),
    expired: t.expose('expired', { type: 'Decimal' }),
    available: t.expose('available', { type: 'Decimal' }),
  }),
});

const GrantRef = builder.objectRef<CreditGrant>('CreditGrant').implement({
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('grant', id) }),
    amount: t.expose('amount', { type: 'Decimal' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    priority: t.exposeInt('priority'),
    note: t.exposeString('note', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

const CauseEnum = builder.enumType('CreditCause', {
  values: Object.fromEntries(CREDIT_CAUSES.map((cause) => [cause.toUpperCase(), { value: cause }])) as Record<
    string,
    { value: CreditCause }
  >,
});

const EntryRef = builder.objectRef<CreditEntry>('CreditEntry').implement({
  description: 'One movement of the credits. The sum of all movements is the balance.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime' }),
    cause: t.expose('cause', { type: CauseEnum }),
    amount: t.expose('amount', { type: 'Decimal' }),
    grantId: t.id({ nullable: true, resolve: ({ grantId }) => grantId && formatId('grant', grantId) }),
    usageId: t.id({ nullable: true, resolve: ({ usageEventId: id }) => id && formatId('usageEvent', id) }),
    holdId: t.id({ nullable: true, resolve: ({ holdId }) => holdId && formatId('hold', holdId) }),
  }),
});

const GrantInput = builder.inputType('GrantCreditsInput', {
  fields: (t) => ({
    amount: t.field({ type: 'Decimal', required: true }),
    expiresAt: t.field({ type: 'DateTime' }),
    priority: t.int({
      description: 'Grants with a lower priority are used first, then those that expire soonest. Default 0.',
    }),
    note: t.string(),
  }),
});

builder.mutationField('grantCredits', (t) =>
  t.field({
    type: GrantRef,
    description: 'Scope credits:write.',
    args: { input: t.arg({ type: GrantInput, required: true }) },
    resolve: (_, { input }, context) => grantCredits(context, input),
  }),
);

const EntryConnection = builder.connectionObject({ type: EntryRef, name: 'CreditEntryConnection' });

builder.queryFields((t) => ({
  credits: t.field({
    type: CreditsRef,
    description: 'Scope credits:read.',
    resolve: (_, __, context) => getCredits(context),
  }),
  creditLedger: t.field({
    type: EntryConnection,
    description: 'Every movement, newest first. Scope credits:read.',
    args: { first: t.arg.int({ description: '1 to 100; default 20.' }), after: t.arg.string() },
    resolve: async (_, args, context) =>
      toConnection(
        CREDIT_CURSOR,
        await listCreditEntries(context, args),
        ({ position }) => String(position),
        args.after,
      ),
  }),
}));
