import { createServer } from 'node:http';

// What this machine's node:http does with a POST: read the body, parse it, answer a few bytes.
// Nothing is faster.

const ANSWER = '{"ok":true}';

/** A caller that is idle while others are measured keeps its connection. */
const KEEP_ALIVE_MS = 600_000;

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  let text = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    text += chunk;
  });
  request.on('end', () => {
    const { provider } = JSON.parse(text) as { provider: string };
    const status = provider ? 201 : 400;
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': ANSWER.length });
    response.end(ANSWER);
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address) process.stdout.write(`listening on ${address.port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
