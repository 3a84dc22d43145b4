import { z } from '@hono/zod-openapi';
import { EVENT_TYPES, type EventType } from '../domain/event-log/event.ts';
import { PAGE_LIMIT } from '../platform/page.ts';
import { snakeRecord } from './http/case.ts';
import { graphql } from './http/graphql.ts';
import { operation, route } from './http/route.ts';
import { listOf, oneOf, pageQuery, time, toList } from './http/schemas.ts';

const event = z
  .object({
    id: z.string().openapi({ example: 'event_01h455vb4pex5vsknk084sn02q' }),
    event: z.enum(EVENT_TYPES),
    created_at: time,
    data: z.record(z.string(), z.unknown()),
  })
  .openapi('Event');

type EventName = 'USAGE_EXCEEDED';

/** `usage.exceeded` <-> `USAGE_EXCEEDED`. */
const NAMES = new Map(EVENT_TYPES.map((type) => [type, type.toUpperCase().replace('.', '_') as EventName]));
const TYPES = new Map<string, EventType>([...NAMES].map(([type, name]) => [name, type]));

const list = operation(
  graphql(`
    query Events($first: Int, $after: String, $types: [EventType!]) {
      events(first: $first, after: $after, types: $types) {
        edges { node { id event createdAt data } } pageInfo { hasNextPage endCursor }
      }
    }
  `),
);

const listEvents = route({
  method: 'get',
  path: '/v1/events',
  operationId: 'listEvents',
  summary: 'What happened, newest first',
  tag: 'Events',
  scope: 'events:read',
  query: z.strictObject({ type: oneOf(EVENT_TYPES).optional(), ...pageQuery(PAGE_LIMIT.max) }),
  success: [{ status: 200, description: 'A page of events.', schema: listOf(event, 'EventList') }],
  errors: [400],
  async run({ query }, execute) {
    const name = query.type && NAMES.get(query.type);
    const { events } = await execute(list, { first: query.limit, after: query.cursor, types: name && [name] });
    const page = toList(events);
    const data = page.data.map((one) => ({
      ...one,
      event: TYPES.get(one.event),
      data: snakeRecord(one.data as object),
    }));
    return { status: 200, body: { ...page, data } };
  },
});

export const eventRoutes = [listEvents];
