import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

// Runs `prisma generate` when its output is missing or was made from other inputs. Every `npm
// start` (in its own process, by `--import`) and `npm test` runs this, so it imports only what the usual case, "nothing to do", needs.

const ROOT = join(import.meta.dirname, '..');
const OUTPUT = join(ROOT, 'prisma/generated');
const HASH_FILE = join(OUTPUT, '.hash');
const INPUTS = [
  'prisma/schema.prisma',
  'prisma.config.ts',
  'node_modules/prisma/package.json',
  'node_modules/prisma-pothos-types/package.json',
];
const LOCK_TIMEOUT_MS = 180_000;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

function hashInputs(): string {
  const hash = createHash('sha256');
  for (const input of INPUTS) hash.update(readFileSync(join(ROOT, input))).update('\0');
  return hash.digest('hex');
}

function isCurrent(hash: string): boolean {
  return existsSync(HASH_FILE) && readFileSync(HASH_FILE, 'utf8') === hash;
}

/**
 * A signal ends the generating too, with exit code 0 once Prisma has ended: nobody was answered yet.
 */
async function generate(): Promise<void> {
  const prisma = join(ROOT, 'node_modules/prisma/build/index.js');
  // Prisma starts its generators through a shebang, which must find this Node, not an older one.
  const path = [dirname(process.execPath), join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  let isStopped = false;
  const complaint = await new Promise<string | null>((resolve) => {
    const args = [prisma, 'generate', '--no-hints'];
    const running = execFile(process.execPath, args, { cwd: ROOT, env }, (error, _, stderr) =>
      resolve(error ? stderr || error.message : null),
    );
    const stop = () => {
      isStopped = true;
      running.kill();
    };
    for (const name of SIGNALS) process.on(name, stop);
    running.once('exit', () => {
      for (const name of SIGNALS) process.off(name, stop);
    });
  });
  if (isStopped) process.exit(0);
  if (complaint === null) return;
  process.stderr.write(`prisma generate failed:\n${complaint}\n`);
  process.exit(1);
}

/** One line, where this user may not write the clone. */
function fail({ message }: Error): never {
  process.stderr.write(
    `Prisma's code cannot be made in ${OUTPUT}: ${message}. Run "npm run generate" as a user who may write there.\n`,
  );
  process.exit(1);
}

async function generateAlone(): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true });
  const { waitForFileLock } = await import('../src/platform/file-lock.ts');
  const lock = await waitForFileLock(join(OUTPUT, '.lock'), LOCK_TIMEOUT_MS);
  const hash = hashInputs();
  // Another process may have generated meanwhile; the hash exists only for complete output.
  if (!isCurrent(hash)) {
    rmSync(HASH_FILE, { force: true });
    await generate();
    writeFileSync(HASH_FILE, hash);
  }
  lock?.release();
}

if (!isCurrent(hashInputs())) await generateAlone().catch(fail);
