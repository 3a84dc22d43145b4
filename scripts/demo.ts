import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DemoEvent, type DemoTeam, makeDemoUsage, TEAM_NAMES } from './demo-usage.ts';

// Sixty days of believable usage for a server that runs, through its public API. Every event's id follows from its
// place, and teams are found by name: a second run on the same day adds nothing.

const BASE = (process.env.METERR_URL || 'http://127.0.0.1:4000').replace(/\/+$/, '');
const BATCH = 1_000;
const BAR_WIDTH = 32;
const HTTP_NOT_FOUND = 404;
const HTTP_UNAUTHORIZED = 401;

interface BatchAnswer {
  created: number;
  duplicates: number;
  conflicts: number;
  invalid: number;
  data: { error: { message: string } | null }[];
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

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function readKey(): string {
  if (process.env.METERR_API_KEY) return process.env.METERR_API_KEY;
  try {
    const folder = process.env.METERR_DATA_DIR || '.meterr';
    return readFileSync(join(import.meta.dirname, '..', folder, 'api-key'), 'utf8').trim();
  } catch {
    fail('No API key: set METERR_API_KEY, or start the server once (npm start), which keeps one in .meterr/api-key.');
  }
}

const key = readKey();

/** One call; null when there is no such route. Ends with one line when the server or the key is not there. */
async function call<T>(method: string, path: string, body?: unknown): Promise<T | null> {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  const request = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
  const response = await fetch(BASE + path, request).catch(() =>
    fail(`No server answers at ${BASE}: start it with npm start, or set METERR_URL.`),
  );
  if (response.status === HTTP_NOT_FOUND) return null;
  if (response.status === HTTP_UNAUTHORIZED)
    fail(`${BASE} does not accept this API key: set METERR_API_KEY to one of its own.`);
  const text = await response.text();
  if (!response.ok) fail(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as T;
}

async function get<T>(path: string): Promise<T> {
  return (await call<T>('GET', path)) ?? fail(`${BASE} has no ${path.split('?')[0]}: is it a Meterr server?`);
}

/** The demo's teams by name, those that are missing made; none where the server has no teams yet. */
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

function drawBar(done: number, all: number): void {
  const share = done / all;
  const full = Math.round(share * BAR_WIDTH);
  const bar = '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
  const end = done === all ? '\n' : '';
  const text = `  ${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${done.toLocaleString('en-US')} events`;
  if (process.stdout.isTTY) process.stdout.write(`\r${text}${end}`);
  else if (end) process.stdout.write(`${text}\n`);
}

async function send(events: readonly DemoEvent[]): Promise<{ created: number; duplicates: number }> {
  let created = 0;
  let duplicates = 0;
  for (let from = 0; from < events.length; from += BATCH) {
    drawBar(from, events.length);
    const answer = await call<BatchAnswer>('POST', '/v1/usage', { events: events.slice(from, from + BATCH) });
    if (!answer) fail(`${BASE} has no /v1/usage: is it a Meterr server?`);
    created += answer.created;
    duplicates += answer.duplicates;
    const refused = answer.data.find(({ error }) => error !== null);
    if (refused?.error)
      fail(`\n${answer.invalid + answer.conflicts} events were refused, the first: ${refused.error.message}`);
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
      '  Look at it (export METERR_API_KEY first):',
      '',
      `    ${curl} "${BASE}/v1/usage?${query}&interval=week&group_by=${hasTeams ? 'team' : 'model'}"`,
      `    ${curl} "${BASE}/v1/usage?${query}&group_by=user&limit=5"`,
      `    ${curl} "${BASE}/v1/usage?${query}&interval=day&group_by=tag:feature&tag.env=production"`,
      `    ${curl} "${BASE}/v1/usage/history?limit=3"`,
      '',
      '',
    ].join('\n'),
  );
}

const teams = await findOrCreateTeams();
const { events, start, end } = makeDemoUsage(Date.now(), teams);
await get('/v1/me');
process.stdout.write(`\n  60 days of usage, ${teams.length || 'no'} teams, to ${BASE}\n\n`);
const { created, duplicates } = await send(events);
process.stdout.write(
  created === 0
    ? `  Nothing added: all ${duplicates.toLocaleString('en-US')} events were there from an earlier run.\n`
    : `  ${created.toLocaleString('en-US')} recorded, ${duplicates.toLocaleString('en-US')} were there before.\n`,
);
const query = `start=${start}&end=${end}`;
show(await get<UsageAnswer>(`/v1/usage?${query}&group_by=provider,model`), teams.length > 0, query);
