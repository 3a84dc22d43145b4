import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startPrefixProxy } from '../harness/prefix-proxy.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { startNginx, whyNoNginx } from '../harness/processes/nginx-process.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

// Below a prefix that a proxy takes away, everything leads somewhere, with no setting.

const PREFIX = '/meterr';
const noNginx = whyNoNginx();
if (noNginx) console.warn(`The prefix is tried with a proxy of our own only: ${noNginx}`);
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
if (!CHROMIUM) console.warn('The pages below a prefix are not opened: there is no chromium (apt-get install chromium)');

let database: TestDatabase;
let server: MainProcess;
let key: string;
const dataDir = join(SCRATCH_FOLDER, `prefix-${randomBytes(6).toString('hex')}`);
const proxies: { name: string; url: string; stop(): Promise<unknown> | unknown }[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  const env = { DATABASE_URL: database.connectionString, METERR_DATA_DIR: dataDir, METERR_KEEP_ALIVE_SECONDS: '1' };
  server = await startMain(env);
  key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  const own = await startPrefixProxy(server.port, PREFIX);
  proxies.push({ name: 'a proxy of our own', url: own.url, stop: () => own.server.close() });
  if (!noNginx) proxies.push({ name: 'nginx', ...(await startNginx(server.port, PREFIX)) });
});

afterAll(async () => {
  for (const proxy of proxies) await proxy.stop();
  await server?.stop();
  await database?.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const HTML = { headers: { accept: 'text/html' } };

async function linksOf(address: string): Promise<string[]> {
  const response = await fetch(address, HTML);
  expect(response.status).toBe(200);
  const page = await response.text();
  return [...page.matchAll(/(?:href|src)="([^"]+)"/g)]
    .filter(([, link = '']) => !link.startsWith('data:'))
    .map(([, link = '']) => new URL(link, address).href);
}

it('below the prefix each link of each page leads to something, also with a slash at the end of /docs', async () => {
  for (const { url } of proxies) {
    for (const page of ['/', '/docs', '/docs/']) {
      const links = await linksOf(url + page);
      expect(links.length).toBeGreaterThan(1);
      for (const link of links) {
        expect(link).toContain(`${url}/`);
        expect([link, (await fetch(link, HTML)).status]).toEqual([link, 200]);
      }
    }
  }
});

it('the OpenAPI document names the server as its reader reaches it', async () => {
  for (const { url } of proxies) {
    const address = `${url}/v1/openapi.json`;
    const document = (await (await fetch(address)).json()) as { servers: { url: string }[] };
    expect(new URL(document.servers[0]?.url ?? '', address).href).toBe(`${url}/`);
  }
});

it('an invite is accepted below the prefix, and its page leads to the reference there', async () => {
  for (const [at, { url }] of proxies.entries()) {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const post = async (path: string, body: object) =>
      (await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
    const { id } = (await post('/v1/teams', { name: `Team ${at}` })) as { id: string };
    const invite = { email: `ada${at}@example.com`, role: 'viewer' };
    const { accept_url: link } = (await post(`/v1/teams/${id}/invite`, invite)) as { accept_url: string };
    const address = `${url}${new URL(link).pathname}${new URL(link).search}`;
    const page = await (await fetch(address, HTML)).text();
    const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
    const [, token = ''] = /name="token" value="([^"]+)"/.exec(page) ?? [];
    const form = new URLSearchParams({ token, name: 'Ada' });
    const target = new URL(action, address).href;
    const accepted = await fetch(target, { method: 'POST', body: form, ...HTML });
    expect([target, accepted.status]).toEqual([`${url}/invites/accept`, 200]);
    const [, docs = ''] = /<a href="([^"]+)">reference/.exec(await accepted.text()) ?? [];
    expect(new URL(docs, target).href).toBe(`${url}/docs`);
  }
});

it.skipIf(noNginx !== null)(
  'nginx leads from the prefix without a slash to the home page, and lets WebSockets through',
  async () => {
    const { url = '' } = proxies.at(-1) ?? {};
    const home = await fetch(url, HTML);
    expect([home.url, home.status]).toEqual([`${url}/`, 200]);
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
    expect(JSON.parse(String((await once(socket, 'message'))[0]))).toMatchObject({ type: 'connection_ack' });
    socket.terminate();
  },
);

it.skipIf(!CHROMIUM)(
  'in a browser, the reference and GraphiQL ask below the prefix',
  async () => {
    const browser = await puppeteer.launch({ executablePath: CHROMIUM ?? '', headless: true, args: ['--no-sandbox'] });
    try {
      const { url = '' } = proxies.at(-1) ?? {};
      const page = await browser.newPage();
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      await page.goto(`${url}/docs`);
      await page.waitForSelector('.opblock');
      const shown = await page.$eval('.servers select', (select) => select.value);
      expect(new URL(shown, `${url}/v1/openapi.json`).href).toBe(`${url}/`);
      await page.goto(`${url}/graphql`);
      await page.waitForSelector('#key');
      await page.type('#key', 'mtr_live_wrong');
      const sent = page.waitForRequest((request) => request.method() === 'POST');
      await page.click('#key-form button');
      expect((await sent).url()).toBe(`${url}/graphql`);
      const web = asked.filter((one) => /^https?:/.test(one) && !one.endsWith('/favicon.ico'));
      expect(web.filter((one) => !one.startsWith(`${url}/`))).toEqual([]);
    } finally {
      await browser.close();
    }
  },
  60_000,
);

async function raw(text: string): Promise<{ answer: string; closedAfterMs: number }> {
  const socket = connect(server.port, '127.0.0.1');
  let answer = '';
  let answeredMs = 0;
  socket.on('data', (chunk) => {
    answer += chunk.toString();
    answeredMs = performance.now();
  });
  socket.write(text);
  await once(socket, 'close');
  return { answer, closedAfterMs: performance.now() - answeredMs };
}

it('probes in HTTP/1.0 without Host are answered, also HAProxy’s OPTIONS', async () => {
  for (const line of ['GET /health/ready', 'HEAD /health/live', 'OPTIONS /']) {
    expect((await raw(`${line} HTTP/1.0\r\n\r\n`)).answer).toMatch(/^HTTP\/1\.1 20[04] /);
  }
});

it('an idle connection stays open for METERR_KEEP_ALIVE_SECONDS, and the answer says so', async () => {
  const { answer, closedAfterMs } = await raw('GET /health/live HTTP/1.1\r\nHost: meterr\r\n\r\n');
  expect(answer).toMatch(/^Keep-Alive: timeout=1\r$/m);
  expect(closedAfterMs).toBeGreaterThan(900);
});
