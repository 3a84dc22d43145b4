import { createServer } from 'node:http';
import { buildSchema, GraphQLScalarType } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub } from 'graphql-yoga';
import { WebSocketServer } from 'ws';

// What a subscription costs where nothing is done about it: graphql-ws as its documentation has it,
// and Yoga's in-process pub/sub. `POST /publish` tells all subscribers the events in its body.

interface Published {
  id: string;
  event: string;
  createdAt: string;
  data: object;
}

const pubSub = createPubSub<{ events: [Published] }>();
const schema = buildSchema(`
  scalar JSON
  type Event { id: ID! event: String! createdAt: String! data: JSON! }
  type Query { none: String }
  type Subscription { events: Event! }
`);
const events = schema.getSubscriptionType()?.getFields().events;
if (events) {
  events.subscribe = () => pubSub.subscribe('events');
  events.resolve = (event) => event;
}
const json = schema.getType('JSON');
if (json instanceof GraphQLScalarType) json.serialize = (value) => value;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const published = JSON.parse(Buffer.concat(chunks).toString()) as Published[];
    for (const event of published) pubSub.publish('events', event);
    response.writeHead(200, { 'Content-Length': '2' });
    response.end('{}');
  });
});
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`listening on ${typeof address === 'object' ? address?.port : ''}\n`);
});
