import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

it('the image starts the server with the flags of npm start', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  const command: string[] = JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]');
  const flags = (scripts.start as string).match(/--[\w-]+=\d+|--no-[\w-]+/g);
  expect(command.filter((word) => word.startsWith('--'))).toEqual(flags);
  expect(command.at(-1)).toBe('src/main.ts');
});
