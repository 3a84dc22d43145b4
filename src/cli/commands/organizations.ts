import { type Command, Option } from 'commander';
import { limitOption, PLANS, wholeNumber, withExamples } from '../session/options.ts';
import { call, inPath, type Session, showList, showThing } from '../session/session.ts';
import { type Column, formatTime } from '../session/text.ts';

interface Organization {
  id: string;
  name: string;
  plan: string;
  credits: string;
  credits_by: string;
  status: string;
  retention_days: number | null;
  created_at: string;
  api_key?: { id: string; secret: string };
}

const COLUMNS: readonly Column<Organization>[] = [
  ['id', ({ id }) => id],
  ['name', ({ name }) => name],
  ['plan', ({ plan }) => plan],
  ['status', ({ status }) => status],
  ['credits', ({ credits }) => credits],
  ['credits by', (one) => one.credits_by],
  ['retention days', (one) => one.retention_days],
  ['created', (one) => formatTime(one.created_at)],
];

interface UpdateOptions {
  name?: string;
  plan?: string;
  credits?: string;
  creditsBy?: string;
  retentionDays?: number | 'none';
}

interface GrantOptions {
  expires?: string;
  note?: string;
}

interface Grant {
  id: string;
  amount: string;
  expires_at: string | null;
  note: string | null;
}

const GRANT_COLUMNS: readonly Column<Grant>[] = [
  ['id', ({ id }) => id],
  ['amount', ({ amount }) => `${amount} USD`],
  ['expires', (grant) => formatTime(grant.expires_at)],
  ['note', ({ note }) => note],
];

const MAX_RETENTION_DAYS = 36_500;

async function change(session: Session, id: string, body: object): Promise<void> {
  const request = { method: 'PATCH', path: `/v1/organizations/${inPath(id)}`, body } as const;
  const changed = await call<Organization>(session, 'operator', request);
  showThing(session, COLUMNS, changed.body);
}

/** `org`: for the operator, who runs the server. */
export function addOrganizationCommands(program: Command, open: (command: Command) => Session): void {
  const org = program.command('org').description('organizations; needs the operator key');

  withExamples(
    org
      .command('create')
      .description('make an organization; shows the key of its owner, once')
      .argument('<name>', 'its name')
      .addOption(new Option('--plan <plan>', 'how many requests it may make').choices(PLANS).default('free'))
      .addOption(new Option('--credits <mode>', 'whether grants pay for its usage').choices(['none', 'prepaid']))
      .action(async (name: string, { plan, credits }: { plan: string; credits?: string }, command: Command) => {
        const session = open(command);
        const body = { name, plan, ...(credits ? { credits } : {}) };
        const made = await call<Organization>(session, 'operator', { method: 'POST', path: '/v1/organizations', body });
        showThing(
          session,
          [
            ...COLUMNS,
            ['key', ({ api_key: key }) => key?.id],
            ['secret (shown once)', ({ api_key: key }) => key?.secret],
          ],
          made.body,
        );
      }),
    'org create Acme --plan pro',
  );

  withExamples(
    org
      .command('list')
      .description('all organizations, newest first')
      .addOption(limitOption())
      .action(async ({ limit }: { limit: number }, command: Command) => {
        const list = { path: '/v1/organizations', limit, columns: COLUMNS, none: 'There are no organizations.' };
        await showList<Organization>(open(command), 'operator', list);
      }),
    'org list',
  );

  withExamples(
    org
      .command('plan')
      .description('change the plan of an organization')
      .argument('<id>', 'its id: org_...')
      .addArgument(program.createArgument('<plan>', 'its new plan').choices(PLANS))
      .action((id: string, plan: string, _: object, command: Command) => change(open(command), id, { plan })),
    'org plan org_01h455vb4pex5vsknk084sn02q enterprise',
  );

  withExamples(
    org
      .command('update')
      .description('change what the options name; the rest stays as it is')
      .argument('<id>', 'its id: org_...')
      .option('--name <name>', 'its name')
      .addOption(new Option('--plan <plan>', 'how many requests it may make').choices(PLANS))
      .addOption(new Option('--credits <mode>', 'whether grants pay for its usage').choices(['none', 'prepaid']))
      .addOption(new Option('--credits-by <who>', 'whose key may grant credits').choices(['organization', 'operator']))
      .addOption(
        new Option('--retention-days <days>', "days that raw events are kept, or none: the server's setting").argParser(
          (text) => (text === 'none' ? text : wholeNumber(1, MAX_RETENTION_DAYS)(text)),
        ),
      )
      .action((id: string, options: UpdateOptions, command: Command) => {
        const { name, plan, credits, creditsBy, retentionDays } = options;
        const body = {
          name,
          plan,
          credits,
          credits_by: creditsBy,
          retention_days: retentionDays === 'none' ? null : retentionDays,
        };
        return change(open(command), id, body);
      }),
    'org update org_01h455vb4pex5vsknk084sn02q --credits prepaid --credits-by operator',
  );

  withExamples(
    org
      .command('grant')
      .description('add prepaid credits to an organization')
      .argument('<id>', 'its id: org_...')
      .argument('<amount>', 'in USD: 100.00')
      .option('--expires <time>', 'when the rest of it ends: 2027-01-01T00:00:00Z')
      .option('--note <text>', 'what it is for')
      .action(async (id: string, amount: string, { expires, note }: GrantOptions, command: Command) => {
        const session = open(command);
        const body = { organization_id: id, amount, expires_at: expires, note };
        const granted = await call<Grant>(session, 'operator', { method: 'POST', path: '/v1/credits/grants', body });
        showThing(session, GRANT_COLUMNS, granted.body);
      }),
    'org grant org_01h455vb4pex5vsknk084sn02q 100 --note "first month"',
  );

  withExamples(
    org
      .command('suspend')
      .description('refuse all keys of an organization; its data is kept')
      .argument('<id>', 'its id: org_...')
      .action((id: string, _: object, command: Command) => change(open(command), id, { status: 'suspended' })),
    'org suspend org_01h455vb4pex5vsknk084sn02q',
  );

  withExamples(
    org
      .command('activate')
      .description('let the keys of a suspended organization in again')
      .argument('<id>', 'its id: org_...')
      .action((id: string, _: object, command: Command) => change(open(command), id, { status: 'active' })),
    'org activate org_01h455vb4pex5vsknk084sn02q',
  );
}
