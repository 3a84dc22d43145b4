import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join, relative } from 'node:path';

// npm run coverage [-- vitest's arguments]: runs the tests and prints how many lines of src they
// ran, by file, lowest first, with the lines they missed. Node writes down what ran, in every
// process: servers that tests start count, too. Lines are those of code: types, comments and blank
// lines are not counted.

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'coverage');
const RAW_FOLDER = join(FOLDER, 'raw');
const BIN = join(ROOT, 'node_modules/.bin');
const GOAL_PERCENT = 90;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

interface FileCoverage {
  path: string;
  lines: number;
  missed: number[];
}

/** As c8 writes it: its statements are lines. */
interface StatementCoverage {
  statementMap: Record<string, { start: { line: number } }>;
  s: Record<string, number>;
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(join(BIN, command), args, { cwd: ROOT, stdio: 'inherit', env });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

/** The numbers of the lines that hold code. */
function codeLines(source: string): Set<number> {
  const code = stripTypeScriptTypes(source).replace(COMMENT, (comment) => comment.replace(/[^\n]/g, ' '));
  return new Set(code.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [index + 1])));
}

async function readFileCoverage(path: string, { statementMap, s: counts }: StatementCoverage): Promise<FileCoverage> {
  const code = codeLines(await readFile(path, 'utf8'));
  const missed = Object.entries(statementMap)
    .filter(([id, { start }]) => counts[id] === 0 && code.has(start.line))
    .map(([, { start }]) => start.line);
  return { path: relative(ROOT, path), lines: code.size, missed };
}

function percentOf(lines: number, missed: number): number {
  return lines === 0 ? 100 : (100 * (lines - missed)) / lines;
}

/** `3-5, 9`. */
function formatLines(lines: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const line of lines) {
    const last = ranges.at(-1);
    if (last && last[1] === line - 1) last[1] = line;
    else ranges.push([line, line]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}

function formatRow({ path, lines, missed }: FileCoverage): string {
  const percent = percentOf(lines, missed.length);
  const gap = percent < GOAL_PERCENT ? `  missed: ${formatLines(missed)}` : '';
  return `${percent.toFixed(1).padStart(6)} %  ${path}${gap}`;
}

await rm(FOLDER, { recursive: true, force: true });
const testsCode = await run('vitest', ['run', ...process.argv.slice(2)], {
  ...process.env,
  NODE_V8_COVERAGE: RAW_FOLDER,
});
const reportArgs = ['--temp-directory', RAW_FOLDER, '--reports-dir', FOLDER, '--reporter', 'json'];
const reportCode = await run(
  'c8',
  ['report', ...reportArgs, '--all', '--src', 'src', '--include', 'src/**'],
  process.env,
);
if (reportCode !== 0) process.exit(reportCode);
// Hundreds of megabytes.
await rm(RAW_FOLDER, { recursive: true });
const byPath: Record<string, StatementCoverage> = JSON.parse(
  await readFile(join(FOLDER, 'coverage-final.json'), 'utf8'),
);
const files = await Promise.all(Object.entries(byPath).map(([path, coverage]) => readFileCoverage(path, coverage)));
files.sort((a, b) => percentOf(a.lines, a.missed.length) - percentOf(b.lines, b.missed.length));
const lines = files.reduce((sum, file) => sum + file.lines, 0);
const missed = files.reduce((sum, file) => sum + file.missed.length, 0);
const total = percentOf(lines, missed);
process.stdout.write(`${files.map(formatRow).join('\n')}\n`);
process.stdout.write(`${total.toFixed(1).padStart(6)} %  in total: ${lines - missed} of ${lines} lines\n`);
if (total < GOAL_PERCENT) process.stderr.write(`This is below ${GOAL_PERCENT} %.\n`);
process.exit(testsCode || (total < GOAL_PERCENT ? 1 : 0));
