import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UsageEventAnswer, UsageSummaryAnswer } from '../harness/answers.ts';
import { commandLines, npmStart, type Started, shell, startAndFail } from '../harness/processes/npm-start.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

const START_MS = 120_000;
const newDataDir = () => join(SCRATCH_FOLDER, `start-${randomBytes(6).toString('hex')}`);

async function keyOf(dataDir: string): Promise<string> {
  return (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
}

async function postmasterPid(dataDir: string): Promise<number> {
  const file = join(await realpath(join(dataDir, 'postgres')), 'data/postmaster.pid');
  return Number((await readFile(file, 'utf8')).split('\n')[0]);
}

/** How many PostgreSQL servers run on that data. */
async function countPostmasters(dataDir: string): Promise<number> {
  const folder = await realpath(join(dataDir, 'postgres'));
  return [...(await commandLines()).values()].filter((line) => /\/postgres /.test(line) && line.includes(folder))
    .length;
}

/** A process that has ended may stay in the table until its parent looks. */
async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return status !== null && !/^\d+ \(.*\) [ZX] /.test(status);
}

/** Pastes the printed line into a shell; where there is no curl, sends what it says. */
async function paste(line: string): Promise<{ status: number; body: UsageEventAnswer }> {
  if ((await shell('command -v curl')).code === 0) {
    const { output } = await shell(`${line} --silent --write-out '\\n%{http_code}'`);
    const [body = '', status] = output.split('\n');
    return { status: Number(status), body: JSON.parse(body) };
  }
  const [, url = '', key = '', body = ''] = /^curl (\S+) .*Bearer ([^"]+)".* -d '(.*)'$/.exec(line) ?? [];
  const secret = key.startsWith('$') ? (await shell(`printf %s "${key}"`)).output : key;
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body });
  return { status: response.status, body: (await response.json()) as UsageEventAnswer };
}

async function totals(url: string, key: string): Promise<UsageSummaryAnswer['totals']> {
  const response = await fetch(`${url}/v1/usage`, { headers: { authorization: `Bearer ${key}` } });
  return ((await response.json()) as UsageSummaryAnswer).totals;
}

describe('npm start', () => {
  const dataDir = newDataDir();
  const env = { METERR_DATA_DIR: dataDir };
  let server: Started;
  let postgres: number;

  beforeAll(async () => {
    server = await npmStart(env);
    postgres = await postmasterPid(dataDir);
  }, START_MS);

  afterAll(async () => {
    // Whatever failed above, nothing that was started here stays.
    if (server && (await isAlive(server.serverPid))) process.kill(server.serverPid, 'SIGTERM');
    await server?.ended;
  }, START_MS);

  it('prints the addresses, the key once, and a line that works when pasted: 201 and the exact cost', async () => {
    const key = await keyOf(dataDir);
    expect(server.output().split(key)).toHaveLength(3);
    for (const path of ['/graphql', '/v1', '/docs']) expect(server.output()).toContain(`${server.url}${path}`);
    const { status, body } = await paste(server.curl);
    expect({ status, cost: body.cost }).toEqual({ status: 201, cost: '0.0075' });
    expect(await totals(server.url, key)).toMatchObject({ requests: 1, cost: '0.0075' });
  });

  it('keeps the key for its owner only, and listens on the loopback only', async () => {
    expect((await stat(join(dataDir, 'api-key'))).mode & 0o777).toBe(0o600);
    expect(new URL(server.url).hostname).toBe('127.0.0.1');
  });

  it(
    'after a kill -9 starts on the same data, with the same PostgreSQL and no second one',
    async () => {
      process.kill(server.serverPid, 'SIGKILL');
      await server.ended;
      expect(await isAlive(postgres)).toBe(true);
      server = await npmStart(env);
      expect(await postmasterPid(dataDir)).toBe(postgres);
      expect(await countPostmasters(dataDir)).toBe(1);
      const key = await keyOf(dataDir);
      expect(await totals(server.url, key)).toMatchObject({ requests: 1 });
      // The key is not shown again: the line reads it from its file.
      expect(server.output()).not.toContain(key);
      expect((await paste(server.curl)).status).toBe(201);
    },
    START_MS,
  );

  it(
    'on SIGTERM finishes the request in flight, exits 0, and leaves no PostgreSQL',
    async () => {
      const body = JSON.stringify({
        id: 'in flight',
        provider: 'openai',
        model: 'gpt-4o',
        input_tokens: 1,
        output_tokens: 1,
      });
      const { hostname, port } = new URL(server.url);
      const socket = connect(Number(port), hostname);
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString();
      });
      const lines = [
        'POST /v1/usage HTTP/1.1',
        'Host: meterr',
        `Authorization: Bearer ${await keyOf(dataDir)}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        'Expect: 100-continue',
      ];
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      // The server has the request: it asks for the body.
      while (!answer.includes('100 Continue')) await once(socket, 'data');
      process.kill(server.serverPid, 'SIGTERM');
      await fetch(`${server.url}/health/live`).catch(() => {});
      socket.write(body);
      await once(socket, 'close');
      expect(answer).toContain('HTTP/1.1 201');
      const { code } = await server.ended;
      expect(code).toBe(0);
      expect(await isAlive(postgres)).toBe(false);
      expect(await countPostmasters(dataDir)).toBe(0);
    },
    START_MS,
  );

  it(
    'what was answered before the end is there at the next start',
    async () => {
      server = await npmStart(env);
      expect(await totals(server.url, await keyOf(dataDir))).toMatchObject({ requests: 3 });
    },
    START_MS,
  );
});

describe('a start that cannot succeed is one clear line and exit code 1', () => {
  it(
    'when the port is taken',
    async () => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const address = taken.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      const dataDir = newDataDir();
      await mkdir(dataDir, { recursive: true });
      const env = { METERR_DATA_DIR: dataDir, PORT: String(port), METERR_LOG_LEVEL: 'warn' };
      const { code, output } = await startAndFail(env);
      taken.close();
      expect({ code, lines: output.trim().split('\n').length }).toEqual({ code: 1, lines: 1 });
      expect(output).toContain(`Port ${port} is taken`);
      expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    },
    START_MS,
  );

  it('when the configuration is wrong: one line for each variable', async () => {
    const { code, output } = await startAndFail({ PORT: 'eighty', METERR_LOG_LEVEL: 'loud' });
    expect({ code, lines: output.trim().split('\n') }).toEqual({
      code: 1,
      lines: [
        expect.stringMatching(/^PORT=eighty .*whole number/),
        expect.stringMatching(/^METERR_LOG_LEVEL=loud .*one of/),
      ],
    });
  });

  it('when the database does not answer', async () => {
    const { code, output } = await startAndFail({
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
      PORT: '0',
      METERR_DATABASE_WAIT_SECONDS: '0',
    });
    expect({ code, lines: output.trim().split('\n').length }).toEqual({ code: 1, lines: 1 });
    expect(output).toContain('No connection to the database');
  });
});
