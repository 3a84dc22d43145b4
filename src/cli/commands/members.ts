import { type Command, Option } from 'commander';
import { limitOption, ROLES, withExamples } from '../session/options.ts';
import { call, inPath, type Session, showList, showThing } from '../session/session.ts';
import { type Column, formatTime } from '../session/text.ts';

interface Member {
  id: string;
  email: string;
  name: string;
  role: string;
  created_at: string;
  last_used_at: string | null;
}

interface Invite {
  id: string;
  email: string;
  role: string;
  expires_at: string;
  mail: string;
  accept_url?: string | null;
}

const COLUMNS: readonly Column<Member>[] = [
  ['id', ({ id }) => id],
  ['email', ({ email }) => email],
  ['name', ({ name }) => name],
  ['role', ({ role }) => role],
  ['member since', (member) => formatTime(member.created_at)],
  ['last used', (member) => formatTime(member.last_used_at)],
];
const INVITE_COLUMNS: readonly Column<Invite>[] = [
  ['id', ({ id }) => id],
  ['email', ({ email }) => email],
  ['role', ({ role }) => role],
  ['good until', (invite) => formatTime(invite.expires_at)],
  ['mail', ({ mail }) => mail],
  ['link to accept', (invite) => invite.accept_url],
];
const TEAM = ['<team>', 'id of the team: team_...'] as const;

/** `member`: the people in a team. */
export function addMemberCommands(program: Command, open: (command: Command) => Session): void {
  const member = program
    .command('member')
    .description('members of a team; reading needs teams:read, the rest teams:write');
  const pathOf = (team: string, id: string) => `/v1/teams/${inPath(team)}/members/${inPath(id)}`;

  withExamples(
    member
      .command('list')
      .description('the members of a team, newest first')
      .argument(...TEAM)
      .addOption(limitOption())
      .action(async (team: string, { limit }: { limit: number }, command: Command) => {
        const path = `/v1/teams/${inPath(team)}/members`;
        const list = { path, limit, columns: COLUMNS, none: 'The team has no members.' };
        await showList<Member>(open(command), 'organization', list);
      }),
    'member list team_01h455vb4pex5vsknk084sn02q',
  );

  withExamples(
    member
      .command('invite')
      .description('invite an address to a team; shows the link where no mail was sent')
      .argument(...TEAM)
      .argument('<email>', 'whom')
      .addOption(new Option('--role <role>', 'what the member may do').choices(ROLES).default('member'))
      .action(async (team: string, email: string, { role }: { role: string }, command: Command) => {
        const session = open(command);
        const path = `/v1/teams/${inPath(team)}/invite`;
        const request = { method: 'POST', path, body: { email, role } } as const;
        const { body } = await call<Invite>(session, 'organization', request);
        showThing(session, INVITE_COLUMNS, body);
      }),
    'member invite team_01h455vb4pex5vsknk084sn02q ada@example.com --role admin',
  );

  withExamples(
    member
      .command('role')
      .description('change what a member may do')
      .argument(...TEAM)
      .argument('<id>', 'id of the member: member_...')
      .addArgument(program.createArgument('<role>', 'the new role').choices(ROLES))
      .action(async (team: string, id: string, role: string, _: object, command: Command) => {
        const session = open(command);
        const request = { method: 'PATCH', path: pathOf(team, id), body: { role } } as const;
        showThing(session, COLUMNS, (await call<Member>(session, 'organization', request)).body);
      }),
    'member role team_01h455vb4pex5vsknk084sn02q member_01h455vb4pex5vsknk084sn02q viewer',
  );

  withExamples(
    member
      .command('remove')
      .description("remove a member and revoke the member's keys; their usage is kept")
      .argument(...TEAM)
      .argument('<id>', 'id of the member: member_...')
      .action(async (team: string, id: string, _: object, command: Command) => {
        const session = open(command);
        const request = { method: 'DELETE', path: pathOf(team, id) } as const;
        showThing(session, COLUMNS, (await call<Member>(session, 'organization', request)).body);
      }),
    'member remove team_01h455vb4pex5vsknk084sn02q member_01h455vb4pex5vsknk084sn02q',
  );
}
