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
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from './builder/connection.ts';

const CreditsRef = builder.objectRef<CreditSummary>('Credits').implement({
  description: 'The prepaid credits in USD: `available` = `granted` - `used` - `held` - `expired`.',
  fields: (t) => ({
    mode: t.expose('mode', { type: CreditsModeEnum }),
    granted: t.expose('granted', { type: 'Decimal', description: 'The sum of all grants in USD.' }),
    used: t.expose('used', { type: 'Decimal', description: 'What usage has cost, in USD.' }),
    held: t.expose('held', { type: 'Decimal', description: 'Reserved by active holds, in USD.' }),
    expired: t.expose('expired', { type: 'Decimal', description: 'What grants had left when they expired, in USD.' }),
    available: t.expose('available', {
      type: 'Decimal',
      description: '`granted` - `used` - `held` - `expired`, in USD; below 0 where usage exceeds all grants.',
    }),
  }),
});

const EXPIRES_AT = 'When the rest of the grant expires; null: never.';

const GrantRef = builder.objectRef<CreditGrant>('CreditGrant').implement({
  description: 'An amount that was added to the prepaid credits.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('grant', id) }),
    amount: t.expose('amount', { type: 'Decimal', description: 'The granted amount in USD.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: EXPIRES_AT }),
    priority: t.exposeInt('priority', { description: 'Grants with a lower priority are used first.' }),
    note: t.exposeString('note', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

const CAUSE_DESCRIPTIONS: Readonly<Record<CreditCause, string>> = {
  grant: 'A grant added credits.',
  usage: 'A usage event was paid.',
  hold_settled: 'A usage event that settled a hold was paid.',
  void: 'A usage event was voided.',
  price_adjustment: 'The cost of a usage event was corrected.',
  expiry: 'A grant expired.',
};

const CauseEnum = builder.enumType('CreditCause', {
  description: 'Why the credits changed.',
  values: Object.fromEntries(
    CREDIT_CAUSES.map((cause) => [cause.toUpperCase(), { value: cause, description: CAUSE_DESCRIPTIONS[cause] }]),
  ) as Record<string, { value: CreditCause }>,
});

const EntryRef = builder.objectRef<CreditEntry>('CreditEntry').implement({
  description: 'One entry of the credit ledger. The sum of all entries is the balance.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime' }),
    cause: t.expose('cause', { type: CauseEnum }),
    amount: t.expose('amount', {
      type: 'Decimal',
      description: 'The change of the balance in USD; negative where the balance went down.',
    }),
    grantId: t.id({
      nullable: true,
      description: 'The grant that was added or that expired; null for other causes.',
      resolve: ({ grantId }) => grantId && formatId('grant', grantId),
    }),
    usageId: t.id({
      nullable: true,
      description: 'The usage event that was paid, voided or corrected; null for other causes.',
      resolve: ({ usageEventId: id }) => id && formatId('usageEvent', id),
    }),
    holdId: t.id({
      nullable: true,
      description: 'The hold that the event settled; null for other causes.',
      resolve: ({ holdId }) => holdId && formatId('hold', holdId),
    }),
  }),
});

const GrantInput = builder.inputType('GrantCreditsInput', {
  fields: (t) => ({
    organizationId: t.id({
      description:
        'Id of the organization that gets the grant. The operator key requires it, an API key must leave it out.',
    }),
    amount: t.field({ type: 'Decimal', required: true, description: 'The amount in USD, above 0 and at most 10^12.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When the rest of the grant expires; default: never.' }),
    priority: t.int({
      description:
        'A whole number from -1,000 to 1,000, default 0. Grants with a lower priority are used first, then those that ' +
        'expire soonest.',
    }),
    note: t.string({ description: 'At most 500 characters.' }),
  }),
});

builder.mutationField('grantCredits', (t) =>
  t.field({
    type: GrantRef,
    description:
      'Adds a grant to the prepaid credits. It first covers usage that exceeded the earlier grants. Requires the scope ' +
      '`credits:write`, or the operator key, which alone may grant where `creditsBy` is `OPERATOR`.',
    args: { input: t.arg({ type: GrantInput, required: true }) },
    resolve: (_, { input }, context) => grantCredits(context, input),
  }),
);

const EntryConnection = builder.connectionObject({ type: EntryRef, name: 'CreditEntryConnection' });

builder.queryFields((t) => ({
  credits: t.field({
    type: CreditsRef,
    description: 'The prepaid credits as they are now. Requires the scope `credits:read`.',
    resolve: (_, __, context) => getCredits(context),
  }),
  creditLedger: t.field({
    type: EntryConnection,
    description: 'Every entry of the credit ledger, newest first. Requires the scope `credits:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(CREDIT_CURSOR, await listCreditEntries(context, args), ({ id }) => id, args.after),
  }),
}));
