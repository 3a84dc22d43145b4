import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DemoEvent, type DemoTeam, makeDemoUsage, TEAM_NAMES } from './demo-usage.ts';

// Sends sixty days of plausible usage to a running server, through its public API. Event ids are
// derived from their order, the last day is that of the first run, and teams are found by name, so
// a second run adds nothing.

const BASE = (process.env.METERR_URL || 'http://127.0.0.1:4000').replace(/\/+$/, '');
const BATCH = 1_000;
const BAR_WIDTH = 32;
const HTTP_NOT_FOUND = 404;
const HTTP_UNAUTHORIZED = 401;
const HTTP_CONFLICT = 409;
const HTTP_FAILURES = 400;
const LAST_EVENT_ID = 'demo-last';

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
    fail('No API key: set METERR_API_KEY, or start the server once (npm start), which stores one in .meterr/api-key.');
  }
}

const key = readKey();

/** Sends one request. Exits with a message when no server answers or when the key is invalid. */
async function send(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  const request = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
  const response = await fetch(BASE + path, request).catch(() =>
    fail(`No server answers at ${BASE}: start it with npm start, or set METERR_URL.`),
  );
  const { status } = response;
  if (status === HTTP_UNAUTHORIZED) fail(`${BASE} does not accept this API key: set METERR_API_KEY to one of its own.`);
  return { status, text: await response.text() };
}

/** Returns the answer, or null on a 404. Exits with a message on any other error. */
async function call<T>(method: string, path: string, body?: unknown): Promise<T | null> {
  const { status, text } = await send(method, path, body);
  if (status === HTTP_NOT_FOUND) return null;
  if (status >= HTTP_FAILURES) fail(`${method} ${path} answered ${status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as T;
}

async function get<T>(path: string): Promise<T> {
  return (await call<T>('GET', path)) ?? fail(`${BASE} has no ${path.split('?')[0]}: is it a Meterr server?`);
}

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
 * Returns the end of the demo, in epoch milliseconds. On the first run it is now, and one event
 * with a fixed id is recorded there. A later run sends that id with another time, is refused with a
 * conflict, and reads the time of the first event.
 */
async function findEnd(): Promise<number> {
  const timestamp = new Date().toISOString();
  const event = { id: LAST_EVENT_ID, provider: 'openai', model: 'gpt-4o-mini', input_tokens: 1, output_tokens: 1 };
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
      '',
      '',
    ].join('\n'),
  );
}

const teams = await findOrCreateTeams();
// The demo ends at the midnight before the last event, and so do the queries below.
const { events, start, end } = makeDemoUsage(await findEnd(), teams);
process.stdout.write(`\n  60 days of usage, ${teams.length || 'no'} teams, to ${BASE}\n\n`);
const { created, duplicates } = await record(events);
process.stdout.write(
  created === 0
    ? `  Nothing added: an earlier run has recorded all ${duplicates.toLocaleString('en-US')} events.\n`
    : `  ${created.toLocaleString('en-US')} recorded, ${duplicates.toLocaleString('en-US')} were already stored.\n`,
);
const query = `start=${start}&end=${end}`;
show(await get<UsageAnswer>(`/v1/usage?${query}&group_by=provider,model`), teams.length > 0, query);
