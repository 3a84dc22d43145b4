import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** What stands before a program, and joins its environment, so that its user has a name. */
export interface NameGiven {
  command: readonly string[];
  env: Record<string, string>;
}

const NOBODY = 65534;
const LIBRARIES = '/usr/lib';
const WRAPPER = 'libnss_wrapper.so';

/** Whether the system knows a name of the user of this process, as `initdb` asks for it. */
export function isNameless(): boolean {
  try {
    userInfo();
    return false;
  } catch {
    return process.platform === 'linux';
  }
}

function findWrapper(): string | null {
  const paths = readdirSync(LIBRARIES).map((name) => join(LIBRARIES, name, WRAPPER));
  return paths.find((path) => existsSync(path)) ?? null;
}

/**
 * Ways to give a name to a user without one, such as the number that OpenShift or `docker run --user`
 * chose, the first that works: Debian's libnss-wrapper, where it is installed, and a namespace in which
 * the user is `nobody`, where the kernel gives one to everybody.
 */
export function listNameWays(folder: string): NameGiven[] {
  const namespace = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--'];
  const ways: NameGiven[] = [{ command: namespace, env: {} }];
  const library = findWrapper();
  if (library === null) return ways;
  const [passwd, group] = [join(folder, 'passwd'), join(folder, 'group')];
  writeFileSync(passwd, `meterr:x:${process.getuid?.()}:${process.getgid?.()}:Meterr:/:/bin/false\n`);
  writeFileSync(group, `meterr:x:${process.getgid?.()}:\n`);
  const env = { LD_PRELOAD: library, NSS_WRAPPER_PASSWD: passwd, NSS_WRAPPER_GROUP: group };
  return [{ command: [], env }, ...ways];
}
