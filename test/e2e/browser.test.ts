import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { readSnippets } from '../harness/doc-snippets.ts';
import { EVENT, type MadeOrganization, makeKey, makeOrganization } from '../harness/make.ts';
import { type MainProcess, startMain } from '../harness/processes/main-process.ts';
import { waitUntil } from '../harness/wait-until.ts';

// The page of docs/subscriptions.md in a real browser, with graphql-ws as npm has it.

const ROOT = join(import.meta.dirname, '../..');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const hasCurl = !spawnSync('curl', ['--version']).error;
const isRun = CHROMIUM !== undefined && hasCurl;
if (!isRun)
  console.warn(
    `The page is not opened: this machine has no ${hasCurl ? 'chromium (Debian: apt-get install chromium)' : 'curl'}`,
  );
const RAISE_EVERY_MS = 400;

let database: TestDatabase;
let sql: pg.Pool;
let organization: MadeOrganization;
let server: MainProcess;
let pages: Server;
let browser: Browser;
let page: Page;
const failures: string[] = [];

const start = (port = 0) => startMain({ DATABASE_URL: database.connectionString, PORT: String(port) });

/** Serves what the document says that a server of one's own does. */
async function servePage(key: string): Promise<Server> {
  const snippets = await readSnippets('subscriptions.md');
  const serve = createServer(async (request, response) => {
    const path = normalize(request.url ?? '/');
    const send = (type: string, body: string) => response.writeHead(200, { 'content-type': type }).end(body);
    if (path === '/') return send('text/html', snippets.get('index.html') ?? '');
    if (path === '/meterr-live.js') return send('text/javascript', snippets.get('meterr-live.js') ?? '');
    if (path === '/meterr') return send('application/json', JSON.stringify({ url: server.url, key }));
    if (path.startsWith('/node_modules/graphql-ws/'))
      return send('text/javascript', await readFile(join(ROOT, path), 'utf8'));
    response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
  });
  serve.listen(0, '127.0.0.1');
  await once(serve, 'listening');
  return serve;
}

beforeAll(async () => {
  if (!isRun) return;
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 });
  organization = await makeOrganization({ sql });
  server = await start();
  const budget = { name: 'Each user', amount: '0.1', period: 'month', per: 'user', thresholds: [] };
  await curl(server, '/v1/budgets', budget);
  pages = await servePage((await makeKey({ sql }, organization, { scopes: ['events:read'] })).secret);
  browser = await puppeteer.launch({ executablePath: CHROMIUM, headless: true, args: ['--no-sandbox'] });
  page = await browser.newPage();
  page.on('pageerror', (error) => failures.push(String(error)));
});

afterAll(async () => {
  await browser?.close();
  pages?.close();
  await server?.stop();
  await sql?.end();
  await database?.drop();
});

const run = promisify(execFile);

/** @throws Error with what curl wrote where the answer is no 2xx */
async function curl({ url }: MainProcess, path: string, body: object): Promise<void> {
  const headers = ['-H', `Authorization: Bearer ${organization.key.secret}`, '-H', 'Content-Type: application/json'];
  await run('curl', ['-sS', '--fail-with-body', `${url}${path}`, ...headers, '-d', JSON.stringify(body)]);
}

/** Makes a user exceed the limit of the budget. */
const exceed = (by: MainProcess, user: string) => curl(by, '/v1/usage', { ...EVENT, user_id: user, cost: '0.12' });

const textOf = (id: string) => page.$eval(`#${id}`, ({ textContent }) => textContent);
const linesOf = () => page.$$eval('#log li', (lines) => lines.map(({ textContent }) => textContent ?? ''));

async function pageShows(what: string, isShown: () => Promise<boolean> | boolean): Promise<void> {
  await waitUntil(`the page shows ${what}`, isShown).catch(async (error) => {
    throw new Error(`${error.message}. It is:\n${await page.content()}\n${failures.join('\n')}`);
  });
}

it.skipIf(!isRun)(
  'a page shows what curl raises, also what is raised while its server is killed and started again',
  async () => {
    const raised: string[] = [];
    const raise = async (by: MainProcess, name: string) => {
      raised.push(name);
      await exceed(by, name);
    };
    /** Raises until both lists show it: when the subscriptions stand is not seen from here. */
    const raiseUntilShown = async (name: string) => {
      let raisedMs = 0;
      await pageShows(name, async () => {
        if ((await textOf('now'))?.startsWith(name)) return true;
        if (performance.now() - raisedMs > RAISE_EVERY_MS) {
          raisedMs = performance.now();
          await raise(server, `${name}-${raised.length}`);
        }
        return false;
      });
    };
    await exceed(server, 'before the page');
    const { port } = pages.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/`);
    await pageShows('an open connection', async () => (await textOf('state')) === 'open');
    await raiseUntilShown('before');
    await raise(server, 'last before');
    await pageShows('the last before the kill', async () => (await linesOf()).includes('last before'));

    const other = await start();
    await server.kill();
    await pageShows('a broken connection', async () => (await textOf('state')) === 'broken');
    await raise(other, 'while it was down');
    server = await start(server.port);
    await raise(server, 'just started');
    await pageShows('what it missed', async () => (await linesOf()).includes('just started'));
    await raiseUntilShown('after');
    await other.stop();

    await pageShows('the last', async () => (await linesOf()).at(-1) === raised.at(-1));
    const lines = await linesOf();
    expect(lines).toEqual(raised.slice(-lines.length));
    expect(lines).toContain('last before');
    expect(failures).toEqual([]);
  },
  120_000,
);

it.skipIf(!isRun)(
  'GraphiQL subscribes with the key that was entered above it',
  async () => {
    const graphiql = await browser.newPage();
    const query = 'subscription { usageExceeded { data { subject } } }';
    await graphiql.goto(`${server.url}/graphql`);
    await graphiql.type('#key', organization.key.secret);
    await graphiql.keyboard.press('Enter');
    await graphiql.click('.graphiql-query-editor, .graphiql-editor');
    await graphiql.keyboard.down('Control');
    await graphiql.keyboard.press('a');
    await graphiql.keyboard.up('Control');
    await graphiql.keyboard.sendCharacter(query);
    const run = await graphiql.waitForSelector('button.graphiql-execute-button:not([disabled])');
    await run?.click();
    const shown = () => graphiql.$eval('.result-window', ({ textContent }) => textContent ?? '');
    let raised = 0;
    let raisedMs = 0;
    await waitUntil('GraphiQL shows what is exceeded', async () => {
      if (/"subject":\s*"graphiql-\d/.test(await shown())) return true;
      if (performance.now() - raisedMs > RAISE_EVERY_MS) {
        raisedMs = performance.now();
        await exceed(server, `graphiql-${raised++}`);
      }
      return false;
    }).catch(async (error) => {
      throw new Error(`${error.message}. It shows:\n${await shown()}`);
    });
    await graphiql.close();
  },
  60_000,
);
