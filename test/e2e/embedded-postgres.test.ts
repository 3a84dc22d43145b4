import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { lstat, readFile, readlink, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres/embedded-postgres.ts';
import { usePostgres } from '../harness/processes/postgres-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { PUBLIC_SCRATCH_PREFIX, SCRATCH_FOLDER } from '../harness/test-run.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const folders: string[] = [];

function scratch(): string {
  const folder = join(SCRATCH_FOLDER, randomBytes(6).toString('hex'));
  folders.push(folder);
  return folder;
}

function publicScratch(): string {
  const folder = join(tmpdir(), `${PUBLIC_SCRATCH_PREFIX}${randomBytes(6).toString('hex')}`);
  folders.push(folder);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  return folder;
}

/** Whether any user may enter this folder and all above it. */
function isPublic(folder: string): boolean {
  return (statSync(folder).mode & 0o001) !== 0 && (dirname(folder) === folder || isPublic(dirname(folder)));
}

/** False for a zombie too: whoever runs the tests may be slow to reap them. */
function isRunning(pid: number): boolean {
  try {
    if (/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return false;
  } catch {
    // No /proc, or no such process: the signal tells.
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function query(connectionString: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Fails while it copies the binaries (as root) or makes the data. */
async function expectRoomForNothing(dataDir: string, uid?: number): Promise<void> {
  const { error } = await usePostgres(dataDir, { uid, maxFileKib: 15_000 });
  expect(error).toMatchObject({ name: 'AppError', code: 'unavailable' });
  expect(error?.message).toMatch(/^PostgreSQL cannot use the data folder .*(file too large|no space).*$/i);
  expect(error?.message).toContain(dataDir);
  const next = await usePostgres(dataDir, { uid });
  expect(next.error).toBeUndefined();
  await next.stop();
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await removeClusters(folder);
});

describe('a cluster', () => {
  it('outlives a kill -9 of its user, whose next start finds the same server and the data', async () => {
    const dataDir = scratch();
    const first = await usePostgres(dataDir);
    await query(first.connectionString, 'CREATE TABLE kept AS SELECT 7 AS number');
    await first.kill();
    const second = await usePostgres(dataDir);
    expect(second.pid).toBe(first.pid);
    expect(await query(second.connectionString, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
    await second.stop();
    expect(isRunning(first.pid)).toBe(false);
  });

  it('is one for three processes that start at once, and stops with the last of them', async () => {
    const dataDir = scratch();
    const users = await Promise.all([usePostgres(dataDir), usePostgres(dataDir), usePostgres(dataDir)]);
    const [first, second, third] = users;
    expect(new Set(users.map((user) => user.pid)).size).toBe(1);
    await first?.stop();
    await second?.kill();
    expect(await query(String(third?.connectionString), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await third?.stop();
    expect(isRunning(Number(third?.pid))).toBe(false);
  });

  it('is shared by two users within one process', async () => {
    const dataDir = scratch();
    const [first, second] = await Promise.all([startEmbeddedPostgres({ dataDir }), startEmbeddedPostgres({ dataDir })]);
    expect(second.pid).toBe(first.pid);
    await first.stop();
    await first.stop();
    expect(isRunning(second.pid)).toBe(true);
    await second.stop();
    expect(isRunning(second.pid)).toBe(false);
  });

  it('keeps what it committed when the server itself is killed', async () => {
    const dataDir = scratch();
    const first = await usePostgres(dataDir);
    await query(first.connectionString, 'CREATE TABLE kept AS SELECT 7 AS number');
    await first.kill();
    process.kill(first.pid, 'SIGKILL');
    const second = await usePostgres(dataDir);
    expect(second.pid).not.toBe(first.pid);
    expect(await query(second.connectionString, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
    await second.stop();
  });

  it('starts although postmaster.pid names a process that has come to be another one', async () => {
    const dataDir = scratch();
    const first = await usePostgres(dataDir);
    const pidFile = join(first.folder, 'data/postmaster.pid');
    const text = await readFile(pidFile, 'utf8');
    const { uid, gid } = await lstat(pidFile);
    await first.stop();
    // Of the server's own user: PostgreSQL takes such a process for a running postmaster.
    const stranger: ChildProcess = spawn('/bin/sleep', ['600'], isRoot ? { uid, gid } : {});
    try {
      await once(stranger, 'spawn');
      writeFileSync(pidFile, text.replace(/^\d+/, String(stranger.pid)));
      chownSync(pidFile, uid, gid);
      const second = await usePostgres(dataDir);
      expect(second.error).toBeUndefined();
      expect(isRunning(Number(stranger.pid))).toBe(true);
      await second.stop();
    } finally {
      stranger.kill();
    }
  });

  it('listens on a Unix socket only, which only its user can reach, also when the path is long', async () => {
    const dataDir = join(scratch(), 'long-'.repeat(20), "it's");
    const { connectionString, stop } = await usePostgres(dataDir);
    const [row] = await query(connectionString, "SELECT current_setting('listen_addresses') AS addresses");
    expect(row).toEqual({ addresses: '' });
    const socket = String(new URL(connectionString).searchParams.get('host'));
    expect((await lstat(socket)).mode & 0o777).toBe(0o700);
    await stop();
  });

  it('is durable: synced commits, checksums', async () => {
    const { connectionString, stop } = await usePostgres(scratch());
    const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'server_encoding'];
    const columns = names.map((name) => `current_setting('${name}') AS ${name}`);
    expect(await query(connectionString, `SELECT ${columns}`)).toEqual([
      { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', data_checksums: 'on', server_encoding: 'UTF8' },
    ]);
    await stop();
  });
});

describe('a start that cannot succeed says in one line why', () => {
  it('when the data folder is a file', async () => {
    const folder = scratch();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'file'), '');
    const { error } = await usePostgres(join(folder, 'file'));
    expect(error).toMatchObject({ name: 'AppError', code: 'unavailable' });
    expect(error?.message).toMatch(/^PostgreSQL cannot use the data folder .*\/file: EEXIST.*$/);
  });

  it('when there is no room, and leaves nothing half-made', async () => {
    await expectRoomForNothing(scratch());
  });

  it('when the server refuses to start: with the end of its log', async () => {
    const { error } = await usePostgres(scratch(), { settings: { shared_buffers: 'plenty' } });
    expect(error?.message).toMatch(/^PostgreSQL did not start in .*: .*shared_buffers.*plenty.*postgres\.log\)$/);
  });

  it('when no binaries exist for the platform', async () => {
    const real = Object.getOwnPropertyDescriptor(process, 'arch');
    Object.defineProperty(process, 'arch', { ...real, value: 'riscv64' });
    try {
      const start = startEmbeddedPostgres({ dataDir: scratch() });
      await expect(start).rejects.toThrow(/^There is no embedded PostgreSQL for .*-riscv64\. Set DATABASE_URL .*$/);
    } finally {
      Object.defineProperty(process, 'arch', { ...real });
    }
  });
});

describe.runIf(isRoot)('as root', () => {
  it('keeps the data beside the clone when the server’s user can go there', async () => {
    const dataDir = publicScratch();
    const { folder, stop } = await usePostgres(dataDir);
    expect(folder).toBe(join(dataDir, 'postgres'));
    expect((await lstat(join(folder, 'data'))).uid).not.toBe(0);
    await stop();
  });

  it('keeps it under /var/lib/meterr when not; a moved folder takes it along, a copied one does not share it', async () => {
    const closed = scratch();
    mkdirSync(closed, { recursive: true, mode: 0o700 });
    const [original, moved, copy] = [join(closed, 'original'), join(closed, 'moved'), join(closed, 'copy')];
    const first = await usePostgres(original);
    expect(first.folder).toMatch(/^\/var\/lib\/meterr\/[0-9a-f]{12}-[0-9a-f]{6}$/);
    expect(await readlink(join(original, 'postgres'))).toBe(first.folder);
    await query(first.connectionString, 'CREATE TABLE kept AS SELECT 7 AS number');
    await first.stop();

    await rename(original, moved);
    const second = await usePostgres(moved);
    expect(await query(second.connectionString, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);

    await once(spawn('/bin/cp', ['-a', moved, copy]), 'exit');
    const third = await usePostgres(copy);
    expect(third.folder).not.toBe(second.folder);
    expect(third.pid).not.toBe(second.pid);
    await Promise.all([second.stop(), third.stop()]);
  });

  it('says so when the data under /var/lib/meterr is gone, and does not begin anew unasked', async () => {
    const closed = scratch();
    mkdirSync(closed, { recursive: true, mode: 0o700 });
    const dataDir = join(closed, 'data');
    const { folder, stop } = await usePostgres(dataDir);
    await stop();
    await rename(folder, `${folder}.away`);
    const { error } = await usePostgres(dataDir);
    await rename(`${folder}.away`, folder);
    expect(error?.message).toMatch(/^The database of .* was kept in .*, which is gone\..*$/);
  });
});

describe.runIf(isRoot && isPublic(import.meta.dirname))('as nobody (in a clone that nobody can read)', () => {
  it('starts, is found again after a kill -9, and stops', async () => {
    const dataDir = publicScratch();
    chownSync(dataDir, NOBODY, NOBODY);
    const first = await usePostgres(dataDir, { uid: NOBODY });
    expect(first.folder).toBe(join(dataDir, 'postgres'));
    await first.kill();
    const second = await usePostgres(dataDir, { uid: NOBODY });
    expect(second.pid).toBe(first.pid);
    const asRoot = await usePostgres(dataDir);
    expect(asRoot.pid).toBe(first.pid);
    await second.stop();
    await asRoot.stop();
    expect(isRunning(first.pid)).toBe(false);
  });

  it('leaves nothing half-made when there is no room', async () => {
    const dataDir = publicScratch();
    chownSync(dataDir, NOBODY, NOBODY);
    await expectRoomForNothing(dataDir, NOBODY);
  });

  it('names the folder it may not write in', async () => {
    const dataDir = publicScratch();
    const { error } = await usePostgres(dataDir, { uid: NOBODY });
    expect(error).toMatchObject({ name: 'AppError', code: 'unavailable' });
    expect(error?.message).toMatch(/^PostgreSQL cannot use the data folder .*: EACCES.*$/);
    expect(error?.message).toContain(dataDir);
  });
});
