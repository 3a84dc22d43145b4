import type pg from 'pg';
import type { TestApp } from '../harness/app.ts';
import { TYPE_ID } from './objects.ts';
import type { WallRequest } from './questions.ts';

/** What of an answer must be equal. */
export interface WallAnswer {
  status: number;
  headers: string;
  text: string;
}

/** Sends a request as the holder of a key. */
export type Send = (request: WallRequest, key: string) => Promise<WallAnswer>;

/** What differs from request to request. A length says what the body says, a time or null too. */
const OWN_HEADERS = /^(x-request-id|date|content-length|x-ratelimit-.*)$/;

function headersOf(headers: Headers): string {
  const lines = [...headers].filter(([name]) => !OWN_HEADERS.test(name)).map(([name, value]) => `${name}: ${value}`);
  return lines.sort().join('\n');
}

/** Asks over HTTP. */
export function sendOver({ rest, gql }: TestApp): Send {
  return async (request, key) => {
    const { status, headers, text } =
      request.door === 'graphql'
        ? await gql(request.query, request.variables, { key })
        : await rest(request.method, request.path, { ...request, key });
    return { status, headers: headersOf(headers), text };
  };
}

const ASKED = '<asked>';
/** It is written now and then, so it may come between two questions: null before, a time after. */
const LAST_USED = /("last(?:_u|U)sed(?:_a|A)t":)(?:null|"[^"]*")/g;
const TIME = /\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** What is drawn at random and shown once: of keys, of webhooks, in the links of invites. */
const SECRET = /\b(?:mtr_live|whsec|inv)_[\w+/=-]+/g;
const DURATION = /("duration_?[mM]s":)\d+/g;
const HINT = /"hint":"[^"]{4}"/g;

/**
 * The answer with one placeholder for the id that was asked for, and others for what is made anew
 * each time: ids that no one knew before, and times.
 */
export function comparable({ status, headers, text }: WallAnswer, asked: string, known: ReadonlySet<string>): string {
  const plain = text
    .replaceAll(asked, ASKED)
    .replace(TYPE_ID, (id, prefix) => (known.has(id) ? id : `<${prefix}>`))
    .replace(LAST_USED, '$1"<time>"')
    .replace(TIME, '<time>')
    .replace(SECRET, '<secret>')
    .replace(HINT, '"hint":"<hint>"')
    .replace(DURATION, '$1<duration>');
  return `${status}\n${headers}\n${plain}`;
}

/** The rows of an organization in each table: how many, and a checksum of what they contain. */
export type Snapshot = ReadonlyMap<string, { rows: number; checksum: string }>;

/** When a key was last used is written now and then, as is which process sends to a webhook. */
const LEFT_OUT = "ARRAY['last_used_at', 'sender', 'sender_until']";
/** Of events that are added up later, all is in other tables. */
const ADDED_UP_LATER = ['usage_attributions', 'usage_attribution_days'];

/** Makes what reads snapshots of every table that has an organization's rows. */
export async function createSnapshots(sql: pg.Pool): Promise<(organizationId: string) => Promise<Snapshot>> {
  const { rows } = await sql.query<{ name: string; kept: string }>(
    `SELECT table_name AS name, column_name AS kept FROM information_schema.columns
      WHERE table_schema = 'public'
        AND (column_name = 'organization_id' OR (table_name = 'organizations' AND column_name = 'id'))
        AND table_name <> ALL ($1)`,
    [ADDED_UP_LATER],
  );
  const text = rows
    .map(
      ({
        name,
        kept,
      }) => `SELECT '${name}' AS name, count(*)::int AS rows, md5(coalesce(string_agg(h, '' ORDER BY h), '')) AS checksum
         FROM (SELECT md5((to_jsonb(t) - ${LEFT_OUT})::text) AS h FROM ${name} t WHERE t.${kept} = $1) x`,
    )
    .join(' UNION ALL ');
  return async (organizationId) => {
    const found = await sql.query<{ name: string; rows: number; checksum: string }>(text, [organizationId]);
    return new Map(found.rows.map(({ name, ...one }) => [name, one]));
  };
}

/** What was done to each table between two snapshots: rows that came, or that others changed. */
export function changesBetween(before: Snapshot, after: Snapshot): string[] {
  return [...after].flatMap(([name, { rows, checksum }]) => {
    const was = before.get(name);
    if (was?.checksum === checksum) return [];
    return [`${name}: ${rows - (was?.rows ?? 0)} rows more, ${rows === was?.rows ? 'changed' : 'not only changed'}`];
  });
}
