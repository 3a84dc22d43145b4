import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

interface Locked {
  name?: string;
  resolved?: string;
  hasInstallScript?: boolean;
}

async function readJson<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(ROOT, name), 'utf8'));
}

const { packages } = await readJson<{ packages: Record<string, Locked> }>('package-lock.json');
const { allowScripts } = await readJson<{ allowScripts: Record<string, boolean> }>('package.json');
const nameOf = (path: string, { name }: Locked) => name ?? path.replace(/^.*node_modules\//, '');

it('no package that reports installations or use is installed', () => {
  const names = Object.entries(packages).map(([path, one]) => nameOf(path, one));
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name) => /scarf|analytics|posthog|segment/.test(name))).toEqual([]);
  expect(Object.values(packages).filter(({ resolved }) => resolved?.includes('scarf'))).toEqual([]);
});

it('npm ci asks nobody about install scripts: each package that has one is allowed or refused', () => {
  const withScript = Object.entries(packages).filter(([, one]) => one.hasInstallScript);
  const names = withScript.map(([path, one]) => nameOf(path, one));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !Object.hasOwn(allowScripts, name) && name !== 'fsevents')).toEqual([]);
});
