import type { Command } from 'commander';
import { limitOption, withExamples } from '../session/options.ts';
import { call, inPath, type Session, showList, showThing } from '../session/session.ts';
import { type Column, formatTime } from '../session/text.ts';

interface Team {
  id: string;
  name: string;
  created_at: string;
  deleted_at: string | null;
}

const COLUMNS: readonly Column<Team>[] = [
  ['id', ({ id }) => id],
  ['name', ({ name }) => name],
  ['created', (team) => formatTime(team.created_at)],
];

/** `team`: the teams of an organization. */
export function addTeamCommands(program: Command, open: (command: Command) => Session): void {
  const team = program.command('team').description('teams; reading needs teams:read, the rest teams:write');

  withExamples(
    team
      .command('create')
      .description('make a team, which can have keys and budgets of its own')
      .argument('<name>', 'its name, unique in the organization')
      .action(async (name: string, _: object, command: Command) => {
        const session = open(command);
        const request = { method: 'POST', path: '/v1/teams', body: { name } } as const;
        showThing(session, COLUMNS, (await call<Team>(session, 'organization', request)).body);
      }),
    'team create Research',
  );

  withExamples(
    team
      .command('list')
      .description('the teams, newest first')
      .addOption(limitOption())
      .action(async ({ limit }: { limit: number }, command: Command) => {
        const list = { path: '/v1/teams', limit, columns: COLUMNS, none: 'There are no teams.' };
        await showList<Team>(open(command), 'organization', list);
      }),
    'team list',
  );

  withExamples(
    team
      .command('delete')
      .description('delete a team: its keys are revoked and its budgets end; its usage is kept')
      .argument('<id>', 'its id: team_...')
      .action(async (id: string, _: object, command: Command) => {
        const session = open(command);
        const request = { method: 'DELETE', path: `/v1/teams/${inPath(id)}` } as const;
        const deleted = await call<Team>(session, 'organization', request);
        showThing(session, [...COLUMNS, ['deleted', (one) => formatTime(one.deleted_at)]], deleted.body);
      }),
    'team delete team_01h455vb4pex5vsknk084sn02q',
  );
}
