import { snakeRecord } from './http/case.ts';
import { graphql } from './http/graphql.ts';
import { operation } from './http/operation.ts';
import { route } from './http/route.ts';

const listEvents = route({
  method: 'get',
  path: '/v1/events',
  operationId: 'listEvents',
  summary: 'What happened, newest first',
  description: 'With `since`, what came after that event, oldest first.',
  tag: 'Events',
  scope: 'events:read',
  operation: operation(
    graphql(`
      query Events($types: [EventType!], $teamId: ID, $since: ID, $first: Int, $after: String) {
        events(types: $types, teamId: $teamId, since: $since, first: $first, after: $after) {
          edges { node { id event createdAt data } } pageInfo { hasNextPage endCursor }
        }
      }
    `),
  ),
  success: [{ status: 200, description: 'A page of events.' }],
  errors: [400],
  respell: (event) => ({ ...event, data: snakeRecord(Object(event.data)) }),
});

export const eventRoutes = [listEvents];
