import { prepareGuards, useGuards } from './demo-guards.ts';
import { BASE, createClient, fail } from './demo-server.ts';
import { type DemoEvent, type DemoTeam, makeDemoUsage, TEAM_NAMES } from './demo-usage.ts';

// Sends sixty days of plausible usage until now to a running server, through its public API, then
// budgets, holds and credits. Each day's events depend on that day and on the first run's, and teams
// and budgets are found by name, so a later run adds only what has happened since.

const BATCH = 1_000;
const BAR_WIDTH = 32;
const HTTP_CONFLICT = 409;
const HTTP_FAILURES = 400;
const FIRST_RUN_ID = 'demo-last';

interface BatchAnswer {
  created: number;
  duplicates: number;
  conflicts: number;
  invalid: number;
  data: { status: string; error: { message: string } | null }[];
}

interface Sums {
  requests: number;
  total_tokens: number;
  cost: string;
  unpriced_requests: number;
}

interface UsageAnswer {
  totals: Sums;
  data: (Sums & { group: Record<string, string | null> })[];
}

const { send, call, get } = createClient();

/** Finds or creates the teams of the demo; none where the server has no teams. */
async function findOrCreateTeams(): Promise<DemoTeam[]> {
  const listed = await call<{ data: DemoTeam[] }>('GET', '/v1/teams?limit=100');
  if (!listed) return [];
  const teams: DemoTeam[] = [];
  for (const name of TEAM_NAMES) {
    const team = listed.data.find((one) => one.name === name) ?? (await call<DemoTeam>('POST', '/v1/teams', { name }));
    if (team) teams.push(team);
  }
  return teams;
}

/**
 * Returns the time of the first run, in epoch milliseconds. On the first run it is now, and one
 * event with a fixed id is recorded there. A later run sends that id with another time, is refused
 * with a conflict, and reads the time of the first event.
 */
async function findFirstRun(): Promise<number> {
  const timestamp = new Date().toISOString();
  const event = { id: FIRST_RUN_ID, provider: 'openai', model: 'gpt-4o-mini', input_tokens: 1, output_tokens: 1 };
  const { status, text } = await send('POST', '/v1/usage', { ...event, timestamp });
  if (status < HTTP_FAILURES) return Date.parse(timestamp);
  if (status !== HTTP_CONFLICT) fail(`POST /v1/usage answered ${status}: ${text.slice(0, 500)}`);
  const { id } = (JSON.parse(text) as { error: { details: { id: string } } }).error.details;
  const first = await get<{ timestamp: string }>(`/v1/usage/${id}`);
  return Date.parse(first.timestamp);
}

function drawBar(done: number, all: number): void {
  const share = done / all;
  const full = Math.round(share * BAR_WIDTH);
  const bar = '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
  const end = done === all ? '\n' : '';
  const text = `  ${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${done.toLocaleString('en-US')} events`;
  if (process.stdout.isTTY) process.stdout.write(`\r${text}${end}`);
  else if (end) process.stdout.write(`${text}\n`);
}

async function record(events: readonly DemoEvent[]): Promise<{ created: number; duplicates: number }> {
  let created = 0;
  let duplicates = 0;
  for (let from = 0; from < events.length; from += BATCH) {
    drawBar(from, events.length);
    const answer = await call<BatchAnswer>('POST', '/v1/usage', { events: events.slice(from, from + BATCH) });
    if (!answer) fail(`${BASE} has no /v1/usage: is it a Meterr server?`);
    created += answer.created;
    // A conflict is an event from before a team was renamed; it is stored, too.
    duplicates += answer.duplicates + answer.conflicts;
    const refused = answer.data.find(({ status }) => status === 'invalid');
    if (refused?.error) fail(`\n${answer.invalid} events were refused, the first because of: ${refused.error.message}`);
  }
  drawBar(events.length, events.length);
  return { created, duplicates };
}

function dollars(cost: string): string {
  return Number(cost).toLocaleString('en-US', { style: 'currency', currency: 'USD' });
}

function show(answer: UsageAnswer, hasTeams: boolean, query: string): void {
  const { totals, data } = answer;
  const line = ({ requests, total_tokens, cost }: Sums) =>
    `${requests.toLocaleString('en-US').padStart(8)} requests ${total_tokens.toLocaleString('en-US').padStart(14)} tokens ${dollars(cost).padStart(12)}`;
  const lines = data.map((sums) => `  ${Object.values(sums.group).join(' / ').padEnd(30)} ${line(sums)}`);
  const curl = `curl -H "Authorization: Bearer $METERR_API_KEY"`;
  process.stdout.write(
    [
      '',
      ...lines,
      `  ${'all'.padEnd(30)} ${line(totals)}   (exactly ${totals.cost}, ${totals.unpriced_requests} requests without a price)`,
      '',
      '  Query it (export METERR_API_KEY first):',
      '',
      `    ${curl} "${BASE}/v1/usage?${query}&interval=week&group_by=${hasTeams ? 'team' : 'model'}"`,
      `    ${curl} "${BASE}/v1/usage?${query}&group_by=user&limit=5"`,
      `    ${curl} "${BASE}/v1/usage?${query}&interval=day&group_by=tag:feature&tag.env=production"`,
      `    ${curl} "${BASE}/v1/usage/history?limit=3"`,
      `    ${curl} "${BASE}/v1/budgets"`,
      `    ${curl} "${BASE}/v1/events"`,
      '',
      '',
    ].join('\n'),
  );
}

const teams = await findOrCreateTeams();
await prepareGuards({ send, call, get }, teams);
const { events, start, end } = makeDemoUsage(await findFirstRun(), Date.now(), teams);
process.stdout.write(`\n  60 days of usage until now, ${teams.length || 'no'} teams, to ${BASE}\n\n`);
const { created, duplicates } = await record(events);
process.stdout.write(
  created === 0
    ? `  Nothing added: an earlier run has recorded all ${duplicates.toLocaleString('en-US')} events.\n`
    : `  ${created.toLocaleString('en-US')} recorded, ${duplicates.toLocaleString('en-US')} were already stored.\n`,
);
for (const line of await useGuards({ send, call, get })) process.stdout.write(`  ${line}\n`);
const query = `start=${start}&end=${end}`;
show(await get<UsageAnswer>(`/v1/usage?${query}&group_by=provider,model`), teams.length > 0, query);
