import { randomBytes } from 'node:crypto';
import { formatId, ID_PREFIXES, type IdKind, newUuid, parseId } from '../../src/platform/ids.ts';
import type { TestApp } from '../harness/app.ts';
import { EVENT, makeKey, makeUsage } from '../harness/make.ts';
import type { Place } from './places.ts';

/**
 * What an id identifies; `eventId` is the caller's own id of an event, `responseId` a provider's of an
 * answer, which are no TypeIDs.
 */
export type ObjectKind = IdKind | 'eventId' | 'responseId';

export interface Maker {
  /** `organization`: every key of the organization may see it, those of its teams too, so it has no place's mark. */
  of: 'organization' | 'team';
  /** Set: asking makes an object of this id, so that only the first key's answer says something. */
  isUsedUp?: boolean;
  /** Makes one in a place, and returns its id; null where there is none, as a team in no team. */
  make(meterr: TestApp, place: Place): Promise<string | null>;
}

/** Within a year of the wall's clock. */
const MUTED_UNTIL = '2027-10-31T00:00:00Z';
const teamOf = ({ team }: Place) => (team ? { team_id: team.id } : {});
/** An event as it is in the place: its texts have the mark. */
const eventOf = (place: Place) => ({ ...teamOf(place), user_id: `${place.mark}user`, tags: { mark: place.mark } });

async function insert(
  { sql }: TestApp,
  table: string,
  kind: IdKind,
  { organization }: Place,
  columns: Record<string, unknown>,
): Promise<string> {
  const uuid = newUuid();
  const row = { id: uuid, organization_id: organization.uuid, ...columns };
  await sql.query(
    `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row).map((_, i) => `$${i + 1}`)})`,
    Object.values(row),
  );
  return formatId(kind, uuid);
}

async function post({ ok }: TestApp, path: string, { organization }: Place, body: object): Promise<string> {
  const { id } = await ok<{ id: string }>('POST', path, { key: organization.key.secret, body });
  return id;
}

/** What the log tells of a budget of the place. */
function crossingOf({ team, mark }: Place): object {
  const period = { periodStart: '2026-11-01T00:00:00Z', periodEnd: '2026-12-01T00:00:00Z' };
  const amounts = { unit: 'usd', limit: '1', current: '2', crossing: 1 };
  return { ...period, ...amounts, budgetId: newUuid(), teamId: team?.uuid ?? null, per: 'user', subject: mark };
}

function insertEvent(meterr: TestApp, place: Place): Promise<string> {
  return insert(meterr, 'events', 'event', place, {
    ...{ type: 'usage.exceeded', created_at: new Date(meterr.clock.now()), team_id: place.team?.uuid ?? null },
    data: JSON.stringify(crossingOf(place)),
  });
}

/** What the audit log tells of the place's team, or of the organization. */
function insertAuditEntry(meterr: TestApp, place: Place): Promise<string> {
  return insert(meterr, 'audit_entries', 'auditEntry', place, {
    ...{ action: 'team.updated', target_id: place.team?.id ?? place.organization.id },
    after: JSON.stringify({ name: place.mark }),
  });
}

/** A webhook, and a delivery of it that has ended, so that nothing is sent. */
async function makeDelivery(meterr: TestApp, place: Place): Promise<{ webhookId: string; deliveryId: string }> {
  const at = new Date(meterr.clock.now());
  const eventId = await insertEvent(meterr, place);
  // It waits for events that nothing here raises.
  const hook = { url: 'https://receiver.invalid/hook', events: ['webhook.disabled'], description: place.mark };
  const webhookId = await post(meterr, '/v1/webhooks', place, { ...hook, ...teamOf(place) });
  // Where nothing is ever sent to, whatever is asked of it.
  const uuid = parseId('webhook', webhookId);
  await meterr.sql.query("UPDATE webhooks SET url = 'https://127.0.0.1:1/hook' WHERE id = $1", [uuid]);
  const deliveryId = await insert(meterr, 'webhook_deliveries', 'delivery', place, {
    ...{ webhook_id: uuid, event_id: parseId('event', eventId) },
    ...{ event_type: 'usage.exceeded', status: 'succeeded', created_at: at, finished_at: at },
  });
  return { webhookId, deliveryId };
}

/**
 * How to make an object of each kind that an argument takes or a node has: the wall fails for one
 * that is not here.
 */
export const MAKERS: ReadonlyMap<ObjectKind, Maker> = new Map<ObjectKind, Maker>([
  ['organization', { of: 'organization', make: async (_, { organization }) => organization.id }],
  [
    'team',
    {
      of: 'team',
      async make(meterr, place) {
        if (place.team === null) return null;
        await makeUsage(meterr, place.organization.key.secret, [eventOf(place)]);
        await insertAuditEntry(meterr, place);
        return place.team.id;
      },
    },
  ],
  [
    'apiKey',
    {
      of: 'team',
      async make(meterr, place) {
        const options = { scopes: ['usage:write'], team: place.team, name: `${place.mark}key` } as const;
        const { id, secret } = await makeKey(meterr, place.organization, options);
        await makeUsage(meterr, secret, [eventOf(place)]);
        return id;
      },
    },
  ],
  [
    'usageEvent',
    {
      of: 'team',
      async make(meterr, place) {
        const [id = null] = await makeUsage(meterr, place.organization.key.secret, [eventOf(place)]);
        return id;
      },
    },
  ],
  [
    'eventId',
    {
      of: 'organization',
      isUsedUp: true,
      async make(meterr, place) {
        const id = `event-${newUuid()}`;
        await makeUsage(meterr, place.organization.key.secret, [{ ...EVENT, id }]);
        return id;
      },
    },
  ],
  [
    'responseId',
    {
      of: 'organization',
      isUsedUp: true,
      async make(meterr, place) {
        const id = `chatcmpl-${newUuid()}`;
        await makeUsage(meterr, place.organization.key.secret, [{ ...EVENT, response_id: id }]);
        return id;
      },
    },
  ],
  [
    'budget',
    {
      of: 'team',
      async make(meterr, place) {
        const [name, amount, period, per] = [`${place.mark}budget`, '100', 'month', 'user'];
        const budget = { name, amount, period, per, scope: teamOf(place) };
        return post(meterr, '/v1/budgets', place, budget);
      },
    },
  ],
  [
    'hold',
    {
      of: 'team',
      make: (meterr, place) =>
        post(meterr, '/v1/usage/holds', place, {
          ...{ provider: 'openai', model: 'gpt-4o', input_tokens: 1, max_output_tokens: 1 },
          ...eventOf(place),
        }),
    },
  ],
  ['event', { of: 'team', make: insertEvent }],
  [
    'anomalyMute',
    {
      of: 'team',
      make: (meterr, place) => post(meterr, '/v1/anomaly-mutes', place, { until: MUTED_UNTIL, ...teamOf(place) }),
    },
  ],
  [
    'price',
    {
      of: 'organization',
      make: (meterr, place) =>
        insert(meterr, 'prices', 'price', place, {
          ...{
            provider: 'aaa',
            model: `model of ${place.organization.id}`,
            match: '{"equals": "a"}',
            units: '[]',
            source: 'override',
          },
          source_version: '1',
        }),
    },
  ],
  [
    'modelAlias',
    {
      of: 'organization',
      make: (meterr, place) =>
        insert(meterr, 'model_aliases', 'modelAlias', place, {
          ...{ provider: 'aaa', model: `of-${newUuid()}`, target_provider: 'aaa', target_model: 'a' },
          created_at: new Date(meterr.clock.now()),
        }),
    },
  ],
  [
    'member',
    {
      of: 'team',
      make: async (meterr, place) =>
        place.team &&
        insert(meterr, 'members', 'member', place, {
          ...{ team_id: place.team.uuid, email: `${newUuid()}@example.com`, name: place.mark, role: 'viewer' },
        }),
    },
  ],
  [
    'invite',
    {
      of: 'team',
      make: async (meterr, place) =>
        place.team &&
        insert(meterr, 'invites', 'invite', place, {
          ...{ team_id: place.team.uuid, email: `${place.mark}${newUuid()}@example.com`, role: 'viewer' },
          ...{ token_hash: randomBytes(32), created_at: new Date(meterr.clock.now()) },
          expires_at: new Date(meterr.clock.now() + 86_400_000),
        }),
    },
  ],
  [
    'job',
    {
      of: 'team',
      make: (meterr, place) =>
        insert(meterr, 'jobs', 'job', place, {
          ...{ kind: 'reprice', status: 'failed', team_id: place.team?.uuid ?? null, error: place.mark, total: 0 },
          input: JSON.stringify({
            startMs: 0,
            endMs: 1,
            provider: null,
            model: place.mark,
            teamId: place.team?.uuid ?? null,
          }),
          ...{ actor_key_id: place.organization.key.uuid, created_at: new Date(meterr.clock.now()) },
        }),
    },
  ],
  ['webhook', { of: 'team', make: async (meterr, place) => (await makeDelivery(meterr, place)).webhookId }],
  ['delivery', { of: 'team', make: async (meterr, place) => (await makeDelivery(meterr, place)).deliveryId }],
  ['auditEntry', { of: 'team', make: insertAuditEntry }],
]);

/** @throws Error that says what to add, for a kind without a maker */
export function makerOf(kind: ObjectKind): Maker {
  const maker = MAKERS.get(kind);
  if (!maker) throw new Error(`The wall cannot make an object of the kind ${kind}: add it to test/wall/objects.ts.`);
  return maker;
}

const KINDS = new Map(Object.entries(ID_PREFIXES).map(([kind, prefix]) => [prefix as string, kind as IdKind]));
export const TYPE_ID = /\b([a-z]+)_([0-7][0-9a-hjkmnp-tv-z]{25})\b/g;

/** The kind of an id by its prefix. @throws Error for a prefix that no kind has */
export function kindOfPrefix(prefix: string): IdKind {
  const kind = KINDS.get(prefix);
  if (!kind) throw new Error(`No kind of id has the prefix ${prefix}.`);
  return kind;
}

const FLIPPED = new Map([...'0123456789abcdefghjkmnpqrstvwxyz'].map((digit, i, all) => [digit, all[i ^ 1] ?? '']));

/** An id of the same form that differs in its last digit, so that it identifies nothing. */
export function neighbourOf(id: string): string {
  const last = id.at(-1) ?? '';
  return id.slice(0, -1) + (FLIPPED.get(last) ?? 'z');
}

/** A cursor at the place right beside another's, where nothing is. */
export function neighbourCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  return Buffer.from(neighbourOf(text)).toString('base64url');
}
