// `npm run prices:cut FILE`: cuts LiteLLM's price map to what bears on prices, one model a line, into
// prices/sources/litellm.json. Set its version in prices/sources/versions.json too.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const TARGET = join(import.meta.dirname, '../prices/sources/litellm.json');
const KEPT = /cost|^tiered_pricing$|^off_peak_pricing$|^litellm_provider$|^mode$|^deprecation_date$/;
const UNUSED = /dbu_cost|guardrail_cost/;
/** Marks a number, so that its digits survive JSON.parse and JSON.stringify. */
const MARK = '#number ';

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('which file? npm run prices:cut model_prices_and_context_window.json');

const text = await readFile(file, 'utf8');
const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
  token.startsWith('"') ? token : `"${MARK}${token}"`,
);
const entries: [string, Record<string, unknown>][] = Object.entries(JSON.parse(marked));
const lines = entries
  .map(([key, entry]): [string, Record<string, unknown>] => [
    key,
    Object.fromEntries(
      Object.entries(entry)
        .filter(([field]) => KEPT.test(field) && !UNUSED.test(field))
        .sort(),
    ),
  ])
  .filter(
    ([, entry]) =>
      entry.litellm_provider !== undefined && Object.keys(entry).some((field) => /cost|pricing/.test(field)),
  )
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([key, entry]) => `${JSON.stringify(key)}:${JSON.stringify(entry)}`);
const numbers = new RegExp(`"${MARK}([^"]*)"`, 'g');
await writeFile(TARGET, `{${lines.join(',\n').replace(numbers, '$1')}}\n`);
console.log(`${lines.length} of ${entries.length} entries`);
