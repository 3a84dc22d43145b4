import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, CORES, ROOT, startChild } from './child.ts';

/** Of every server that the bench starts. */
export const OPERATOR_KEY = 'operator-key-of-this-bench';

export interface MeterrOptions {
  dataDir: string;
  /** Empty: the PostgreSQL of `dataDir`. */
  databaseUrl?: string;
  /** The checkout that the server is of; this repository unless it is said. */
  root?: string;
  /** More settings. */
  env?: Record<string, string>;
}

/** What `npm start` of a checkout gives to Node, but for the compile cache and the generating. */
async function readNodeOptions(root: string): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } };
  const [, options] = /\bnode ([^&]*)src\/main\.ts/.exec(scripts.start) ?? [];
  if (options === undefined) throw new Error(`The start script of ${root}/package.json does not run src/main.ts.`);
  const words = options.replace(/--import \S*(compile-cache|generate)\S*/g, '').split(/\s+/);
  return words.filter((word) => word !== '');
}

/** The real server, as `npm start` has it, but for its folder, port, log and operator. */
export async function startMeterr({ dataDir, databaseUrl = '', root = ROOT, env = {} }: MeterrOptions) {
  await mkdir(dataDir, { recursive: true });
  const child: Child = startChild({
    script: 'src/main.ts',
    root,
    node: join(root, 'node_modules/node/bin/node'),
    nodeOptions: await readNodeOptions(root),
    core: CORES.server,
    env: {
      METERR_DATA_DIR: dataDir,
      METERR_LOG_LEVEL: 'error',
      METERR_PRICE_FEEDS: 'off',
      METERR_DRAIN_SECONDS: '0',
      METERR_OPERATOR_KEY: OPERATOR_KEY,
      PORT: '0',
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      ...env,
    },
  });
  const port = Number((await child.waitFor(/serves at http:\/\/[^:]+:(\d+)/))[1]);
  const key = (await readFile(join(dataDir, 'api-key'), 'utf8')).trim();
  return { port, key, process: child };
}
