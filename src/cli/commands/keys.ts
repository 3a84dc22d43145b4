import { type Command, Option } from 'commander';
import { commaList, limitOption, wholeNumber, withExamples } from '../session/options.ts';
import { call, inPath, type Session, showList, showThing } from '../session/session.ts';
import { type Column, formatTime } from '../session/text.ts';

interface ApiKey {
  id: string;
  name: string;
  hint: string;
  scopes: string[];
  team_id: string | null;
  member_id: string | null;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
  created_at: string;
  old_secret_until?: string | null;
  secret?: string;
}

const MAX_GRACE_SECONDS = 604_800;
const SHOWN_SCOPES = 3;

function stateOf({ revoked_at: revokedAt, expires_at: expiresAt }: ApiKey): string {
  if (revokedAt) return 'revoked';
  return expiresAt && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'active';
}

/** A table has room for a few; one key is shown with all. */
function fewScopes({ scopes }: ApiKey): string {
  const more = scopes.length - SHOWN_SCOPES;
  return scopes.slice(0, SHOWN_SCOPES).join(',') + (more > 0 ? ` and ${more} more` : '');
}

const columnsWith = (scopesOf: (key: ApiKey) => string): readonly Column<ApiKey>[] => [
  ['id', ({ id }) => id],
  ['name', ({ name }) => name],
  ['ends with', ({ hint }) => hint],
  ['state', stateOf],
  ['scopes', scopesOf],
  ['team', (key) => key.team_id],
  ['expires', (key) => formatTime(key.expires_at)],
  ['last used', (key) => formatTime(key.last_used_at)],
];
const COLUMNS = columnsWith(({ scopes }) => scopes.join(','));
const LIST_COLUMNS = columnsWith(fewScopes);
const WITH_SECRET: readonly Column<ApiKey>[] = [...COLUMNS, ['secret (shown once)', ({ secret }) => secret]];
const ROTATED: readonly Column<ApiKey>[] = [
  ...WITH_SECRET,
  ['old secret until', (key) => formatTime(key.old_secret_until)],
];

interface CreateOptions {
  scopes?: string[];
  preset?: string;
  team?: string;
  expires?: string;
}

/** `key`: the API keys of an organization. */
export function addKeyCommands(program: Command, open: (command: Command) => Session): void {
  const key = program.command('key').description('API keys; needs the scope keys:write');

  withExamples(
    key
      .command('create')
      .description('make a key; shows its secret, once')
      .argument('<name>', 'what it is for')
      .addOption(new Option('--scopes <list>', 'what it may do: usage:write,usage:read, ...').argParser(commaList))
      .addOption(new Option('--preset <name>', 'a set of scopes').choices(['ingest', 'read']).conflicts('scopes'))
      .option('--team <id>', 'limit it to one team: team_...')
      .option('--expires <time>', 'when it ends: 2027-01-01T00:00:00Z')
      .action(async (name: string, { scopes, preset, team, expires }: CreateOptions, command: Command) => {
        const session = open(command);
        const body = { name, scopes, preset, team_id: team, expires_at: expires };
        const made = await call<ApiKey>(session, 'organization', { method: 'POST', path: '/v1/api-keys', body });
        showThing(session, WITH_SECRET, made.body);
      }),
    'key create "My app" --preset ingest',
    'key create Dashboard --preset read --team team_01h455vb4pex5vsknk084sn02q',
  );

  withExamples(
    key
      .command('list')
      .description('the keys, newest first, without their secrets')
      .addOption(limitOption())
      .action(async ({ limit }: { limit: number }, command: Command) => {
        const list = { path: '/v1/api-keys', limit, columns: LIST_COLUMNS, none: 'There are no keys.' };
        await showList<ApiKey>(open(command), 'organization', list);
      }),
    'key list',
  );

  withExamples(
    key
      .command('rotate')
      .description('give a key a new secret, shown once; its id stays')
      .argument('<id>', 'its id: key_...')
      .addOption(
        new Option('--grace <seconds>', 'how long the old secret still works')
          .argParser(wholeNumber(0, MAX_GRACE_SECONDS))
          .default(0),
      )
      .action(async (id: string, { grace }: { grace: number }, command: Command) => {
        const session = open(command);
        const path = `/v1/api-keys/${inPath(id)}/rotate`;
        const body = { grace_seconds: grace };
        const rotated = await call<ApiKey>(session, 'organization', { method: 'POST', path, body });
        showThing(session, ROTATED, rotated.body);
      }),
    'key rotate key_01h455vb4pex5vsknk084sn02q --grace 3600',
  );

  withExamples(
    key
      .command('revoke')
      .description('end a key, within one second')
      .argument('<id>', 'its id: key_...')
      .action(async (id: string, _: object, command: Command) => {
        const session = open(command);
        const path = `/v1/api-keys/${inPath(id)}`;
        showThing(session, COLUMNS, (await call<ApiKey>(session, 'organization', { method: 'DELETE', path })).body);
      }),
    'key revoke key_01h455vb4pex5vsknk084sn02q',
  );
}
