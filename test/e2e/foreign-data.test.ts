import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres/embedded-postgres.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';

const folders: string[] = [];

/** A data folder that was there before, with one file in it. */
async function makeData(file: string, content: string): Promise<{ dataDir: string; data: string }> {
  const dataDir = join(SCRATCH_FOLDER, randomBytes(6).toString('hex'));
  folders.push(dataDir);
  const data = join(dataDir, 'postgres', 'data');
  await mkdir(data, { recursive: true, mode: 0o755 });
  await writeFile(join(data, file), content);
  return { dataDir, data };
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await removeClusters(folder);
});

it('data of another version of PostgreSQL is refused with what to do about it, and left as it is', async () => {
  const { dataDir, data } = await makeData('PG_VERSION', '14\n');
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/holds data of PostgreSQL 14, but \S+ is installed: move the data with pg_dump/),
  });
  expect(await readdir(data)).toEqual(['PG_VERSION']);
});

it('a folder of something else is refused by name, and left as it is', async () => {
  const { dataDir, data } = await makeData('holiday.jpg', 'mine');
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: 'unavailable',
    message: `${data} is not a PostgreSQL data folder.`,
  });
  expect(await readdir(data)).toEqual(['holiday.jpg']);
});
