import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { tryFileLock } from '../../src/platform/file-lock.ts';
import { createTestDatabase } from '../harness/database.ts';
import { startMain } from '../harness/processes/main-process.ts';
import { type ProcessUser, startNode } from '../harness/processes/node-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { PUBLIC_SCRATCH_PREFIX } from '../harness/test-run.ts';
import { waitUntil } from '../harness/wait-until.ts';

// A start that cannot succeed is one line that names the setting or the file and what to do, exit code
// 1, and nothing made. The whole output is compared.

const TIMEOUT_MS = 120_000;
/** In no list of users, as the user that OpenShift chooses. */
const STRANGER: ProcessUser = { uid: 1_234_567, gid: 0 };
const folder = join(tmpdir(), `${PUBLIC_SCRATCH_PREFIX}${randomBytes(6).toString('hex')}`);
mkdirSync(folder);
chmodSync(folder, 0o755);
afterAll(() => removeClusters(folder), TIMEOUT_MS);

function isPublic(path: string): boolean {
  return (statSync(path).mode & 0o001) !== 0 && (dirname(path) === path || isPublic(dirname(path)));
}

const canBeStranger = process.getuid?.() === 0 && isPublic(import.meta.dirname);
if (!canBeStranger) console.warn('Starts by another user are not tried: this is not root, or the clone is private');

const newFolder = () => join(folder, randomBytes(6).toString('hex'));

function ownFolder(owner = STRANGER): string {
  const path = newFolder();
  mkdirSync(path);
  chownSync(path, owner.uid, owner.gid);
  return path;
}

async function fail(env: Record<string, string>, user?: ProcessUser): Promise<string> {
  const started = startNode('src/main.ts', { PORT: '0', ...env }, [], user);
  const code = await started.ended;
  expect({ code, output: started.output() }).toEqual({ code: 1, output: expect.stringMatching(/^.+\n$/) });
  return started.output().trimEnd();
}

describe('before anything is made, and before PostgreSQL is started', () => {
  it('a port that is taken, with an unreachable database as well', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const dataDir = newFolder();
    const line = `Port ${port} is taken: something else listens on 127.0.0.1:${port}. Set PORT to another one.`;
    const env = { METERR_DATA_DIR: dataDir, PORT: String(port) };
    expect(await fail(env)).toBe(line);
    expect(await fail({ ...env, DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' })).toBe(line);
    taken.close();
    expect(existsSync(dataDir)).toBe(false);
  });

  it('an address that is not of this machine', async () => {
    const dataDir = newFolder();
    expect(await fail({ METERR_DATA_DIR: dataDir, HOST: '203.0.113.7' })).toBe(
      'HOST=203.0.113.7 is no address of this machine. Set HOST to one, or to 0.0.0.0 for all of them.',
    );
    expect(existsSync(dataDir)).toBe(false);
  });

  it.runIf(canBeStranger)('a port that only root may open', async () => {
    const dataDir = newFolder();
    expect(await fail({ METERR_DATA_DIR: dataDir, PORT: '81' }, STRANGER)).toBe(
      'Port 81 may not be opened by this user. Set PORT above 1023.',
    );
    expect(existsSync(dataDir)).toBe(false);
  });

  it('a value as a file with Windows line ends and quotes leaves it, a name in small letters: a line for each', async () => {
    const env = { PORT: '"0"', DATABASE_URL: 'postgresql://u:secret@h/d\r', meterr_data_dir: 'x' };
    const started = startNode('src/main.ts', env);
    expect({ code: await started.ended, output: started.output() }).toEqual({
      code: 1,
      output: [
        'meterr_data_dir is not a setting of Meterr: write METERR_DATA_DIR.',
        'PORT has quotes around its value that nothing takes away: remove them.',
        'DATABASE_URL ends with a line break: save its file with Unix line ends (LF).',
        '',
      ].join('\n'),
    });
  });
});

describe('a data folder that cannot be used', () => {
  it.each(['postgres.lock', 'postgres.users'])('has a %s of another program', async (name) => {
    const dataDir = ownFolder();
    writeFileSync(join(dataDir, name), 'pid 17 of another program\n');
    expect(await fail({ METERR_DATA_DIR: dataDir })).toBe(
      `${join(dataDir, name)} is not a lock of Meterr: another program made it. Move it away.`,
    );
    expect(readdirSync(dataDir)).not.toContain('postgres');
  });

  it('is a file, or below one', async () => {
    const file = newFolder();
    writeFileSync(file, 'content');
    const lines = await Promise.all([file, join(file, 'below')].map((path) => fail({ METERR_DATA_DIR: path })));
    expect(lines).toEqual([
      `PostgreSQL cannot use the data folder ${file}: EEXIST: file already exists, mkdir '${file}'. It is not a folder. Set METERR_DATA_DIR to one.`,
      `PostgreSQL cannot use the data folder ${file}/below: ENOTDIR: not a directory, mkdir '${file}/below'. It is not a folder. Set METERR_DATA_DIR to one.`,
    ]);
  });

  it.runIf(existsSync('/proc/self'))('cannot be made: nothing turns in a circle', async () => {
    expect(await fail({ METERR_DATA_DIR: '/proc/meterr' })).toBe(
      "PostgreSQL cannot use the data folder /proc/meterr: ENOENT: no such file or directory, mkdir '/proc/meterr'. Set METERR_DATA_DIR to a folder that can be written.",
    );
  });

  it('has data of another version of PostgreSQL', async () => {
    const dataDir = newFolder();
    mkdirSync(join(dataDir, 'postgres/data'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres/data/PG_VERSION'), '12\n');
    expect(await fail({ METERR_DATA_DIR: dataDir })).toMatch(
      /^.*\/postgres holds data of PostgreSQL 12, but 18\S* is installed: move the data with pg_dump and pg_restore, or install the older version\.$/,
    );
  });

  it.runIf(canBeStranger)('belongs to another user, wholly or its lock alone', async () => {
    const [closed, locked] = [newFolder(), ownFolder()];
    mkdirSync(closed);
    writeFileSync(join(locked, 'postgres.lock'), '', { mode: 0o600 });
    const advice = `The user ${STRANGER.uid} must own it, or set METERR_DATA_DIR to another folder.`;
    expect(await fail({ METERR_DATA_DIR: closed }, STRANGER)).toBe(
      `PostgreSQL cannot use the data folder ${closed}: EACCES: permission denied, open '${closed}/postgres.lock'. ${advice}`,
    );
    expect(await fail({ METERR_DATA_DIR: locked }, STRANGER)).toBe(
      `PostgreSQL cannot use the data folder ${locked}: EACCES: permission denied, access '${locked}/postgres.lock'. ${advice}`,
    );
    expect([readdirSync(closed), readdirSync(locked)]).toEqual([[], ['postgres.lock']]);
  });

  it('cannot keep the first key: then no organization is made either', async () => {
    const file = newFolder();
    writeFileSync(file, 'content');
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.connectionString });
    await client.connect();
    try {
      const env = { METERR_DATA_DIR: file, DATABASE_URL: database.connectionString, METERR_LOG_LEVEL: 'error' };
      expect(await fail(env)).toBe(
        `The first API key cannot be kept in ${file}/api-key: EEXIST: file already exists, mkdir '${file}'. It is not a folder. Set METERR_DATA_DIR to one.`,
      );
      expect((await client.query('SELECT id FROM organizations')).rows).toEqual([]);
    } finally {
      await client.end();
      await database.drop();
    }
  });
});

describe('what does not keep it from serving', () => {
  const dataDir = join(folder, 'own', 'späce and more');

  it.runIf(canBeStranger)(
    'a user without a name and a home, in a clone that it may not write, with a folder that is made',
    async () => {
      mkdirSync(join(folder, 'own'));
      chownSync(join(folder, 'own'), STRANGER.uid, STRANGER.gid);
      const server = await startMain({ METERR_DATA_DIR: dataDir }, STRANGER);
      expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
      expect(statSync(join(dataDir, 'postgres/data')).uid).toBe(STRANGER.uid);
      expect(await server.stop()).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'another process that holds the lock: one line says which folder it waits for, and it goes on',
    async () => {
      mkdirSync(dataDir, { recursive: true });
      const lock = tryFileLock(join(dataDir, 'postgres.lock'));
      const server = startNode('src/main.ts', {
        PORT: '0',
        METERR_LOG_LEVEL: 'warn',
        METERR_DRAIN_SECONDS: '0',
        METERR_DATA_DIR: dataDir,
      });
      try {
        await waitUntil('it says that it waits', () => server.output().includes('waiting for it'));
        expect(JSON.parse(server.output())).toMatchObject({
          msg: `another process starts or stops PostgreSQL in ${dataDir}; waiting for it`,
        });
        lock?.release();
        await waitUntil('it serves', () => server.output().includes('Meterr serves'));
      } finally {
        server.signal('SIGTERM');
        await server.ended;
      }
    },
    TIMEOUT_MS,
  );
});
