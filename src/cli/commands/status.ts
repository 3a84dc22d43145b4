import type { Command } from 'commander';
import { callApi } from '../session/client.ts';
import { CliFailure } from '../session/failure.ts';
import { withExamples } from '../session/options.ts';
import { call, type Session } from '../session/session.ts';
import { type Column, formatThing, formatTime } from '../session/text.ts';

interface Me {
  organization: { id: string; name: string; status: string };
  plan: string;
  api_key: { id: string; name: string; team_id: string | null };
  scopes: string[];
  rate_limit: { limit: number; remaining: number; reset: number } | null;
}

interface Status {
  url: string;
  ready: boolean;
  /** Null: there is no API key to ask with. */
  me: Me | null;
  /** Whether the operator key is accepted; null: there is none. */
  operator: boolean | null;
}

function limitsOf({ rate_limit: limit }: Me): string {
  if (limit === null) return 'no limit on requests';
  const reset = formatTime(new Date(limit.reset * 1_000).toISOString());
  return `${limit.remaining} of ${limit.limit} requests left until ${reset}`;
}

function columnsFor({ me }: Status): readonly Column<Status>[] {
  const own: readonly Column<Status>[] = me
    ? [
        ['organization', () => `${me.organization.name} (${me.organization.id}), ${me.organization.status}`],
        ['plan', () => `${me.plan}: ${limitsOf(me)}`],
        ['key', () => `${me.api_key.name} (${me.api_key.id})`],
        ['team', () => me.api_key.team_id ?? 'the whole organization'],
        ['scopes', () => me.scopes.join(', ')],
      ]
    : [['key', () => 'none given: set METERR_API_KEY or --key']];
  return [
    ['server', ({ url, ready }) => `${url}, ${ready ? 'ready' : 'not ready'}`],
    ...own,
    ['operator key', ({ operator }) => (operator === null ? 'none given' : 'accepted')],
  ];
}

async function readStatus(session: Session): Promise<Status> {
  const { url, apiKey, operatorKey } = session.settings;
  const health = await callApi<{ status: string }>(url, { path: '/health/ready', key: null }, [503]);
  const ready = health.body.status === 'ok';
  const isAsked = ready && apiKey !== null;
  const me = isAsked ? (await call<Me>(session, 'organization', { path: '/v1/me' })).body : null;
  if (ready && operatorKey !== null) await call(session, 'operator', { path: '/v1/organizations?limit=1' });
  return { url, ready, me, operator: operatorKey === null ? null : ready };
}

/** `status`: whether the server serves, and who asks. */
export function addStatusCommand(program: Command, open: (command: Command) => Session): void {
  withExamples(
    program
      .command('status')
      .description('whether the server is ready, whose key this is, and what its plan has left')
      .action(async (_: object, command: Command) => {
        const session = open(command);
        const status = await readStatus(session);
        session.write(session.isJson ? JSON.stringify(status, null, 2) : formatThing(columnsFor(status), status));
        if (!status.ready)
          throw new CliFailure(`${status.url} is not ready: its database does not answer, or it is stopping.`);
      }),
    'status',
  );
}
