import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createOutboundHttp } from '../../../src/platform/outbound-http/outbound-http.ts';
import { PRIVATE_HOSTS, PRIVATE_NAMES, PUBLIC_HOSTS, REBINDING_NAMES } from './spellings.ts';

// Runs inside a network namespace of its own, where every address of IPv4 and IPv6 is this machine: a
// connection that the wall lets through is answered here, and no packet leaves. It prints which hosts
// were reached, as JSON.

for (const command of ['link set lo up', 'route add local 0.0.0.0/0 dev lo', '-6 route add local ::/0 dev lo']) {
  execFileSync('ip', command.split(' '));
}

let hits = 0;
const server = createServer((_, response) => {
  hits++;
  response.end('reached');
});
await new Promise<void>((resolve) => server.listen(0, '::', resolve));
const { port } = server.address() as AddressInfo;

const asked = new Map<string, number>();
const names = new Map([...PRIVATE_NAMES, ...REBINDING_NAMES]);
const http = createOutboundHttp({
  allowHttp: true,
  allowPrivate: false,
  timeoutMs: 2_000,
  async resolve(hostname) {
    if (hostname === 'public.test') return ['8.8.8.8'];
    const answers = names.get(hostname);
    if (!answers) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    const count = asked.get(hostname) ?? 0;
    asked.set(hostname, count + 1);
    return answers[Math.min(count, answers.length - 1)] ?? [];
  },
});

/** Whether a POST to the host was answered by this machine. */
async function isReached(host: string): Promise<boolean> {
  const before = hits;
  const { statusCode } = await http.post(`http://${host}:${port}/`, {}, Buffer.from('{}'));
  return hits > before || statusCode !== null;
}

const reached: string[] = [];
for (const host of [...PRIVATE_HOSTS, ...PRIVATE_NAMES.keys(), ...PUBLIC_HOSTS, 'public.test']) {
  if (await isReached(host)) reached.push(host);
}
// The name is public when it is checked, as at the creation of a webhook, and private at the connection.
const acceptedFirst: string[] = [];
for (const host of REBINDING_NAMES.keys()) {
  if ((await http.problemWith(`http://${host}:${port}/`)) === null) acceptedFirst.push(host);
  if (await isReached(host)) reached.push(host);
}
process.stdout.write(JSON.stringify({ reached, acceptedFirst }));
await http.close();
server.close();
server.closeAllConnections();
