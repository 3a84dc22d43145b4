import { measurePass } from './measure-pass.ts';
import { type Score, scoreDays, scoreHours } from './score.ts';
import { KINDS, type Kind } from './series.ts';

// npm run bench:anomalies: how well incidents in made series are found, and what is told beside them.
// The constants of the bands were chosen on the first seed; the second was run afterwards.
// npm run bench:anomalies -- pass [organizations]: what one run of the job costs.

const SEEDS = { tuning: 12_345, unseen: 777_000 } as const;
const DAY_SERIES = 40;
const HOUR_SERIES = 10;
/** Nothing is told of what costs a few cents, or of an excess that a series has by itself now and then. */
const UNTOLD: ReadonlySet<Kind> = new Set(['tiny', 'bursty']);

interface Row extends Score {
  quiet: number;
  mostQuiet: number;
  series: number;
}

function measure(
  score: (kind: Kind, seed: number, has: boolean) => Score,
  kind: Kind,
  seed: number,
  count: number,
): Row {
  const row: Row = { labels: 0, found: 0, falseAlarms: 0, quiet: 0, mostQuiet: 0, series: count };
  for (let series = 0; series < count; series++) {
    const own = seed + 1_000 * KINDS.indexOf(kind) + 10 * series;
    const { labels, found, falseAlarms } = score(kind, own, true);
    row.labels += labels;
    row.found += found;
    row.falseAlarms += falseAlarms;
    const quiet = score(kind, own, false).falseAlarms;
    row.quiet += quiet;
    row.mostQuiet = Math.max(row.mostQuiet, quiet);
  }
  return row;
}

const ratio = (part: number, whole: number) => (whole === 0 ? '-' : (part / whole).toFixed(2));

function print(name: string, row: Row): void {
  const { labels, found, falseAlarms, quiet, mostQuiet, series } = row;
  const cells = [
    name,
    ratio(found, labels),
    ratio(found, found + falseAlarms),
    ratio(quiet, series),
    String(mostQuiet),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

function scoreAll(): void {
  for (const [seedName, seed] of Object.entries(SEEDS)) {
    for (const [interval, score, count] of [
      ['days', scoreDays, DAY_SERIES],
      ['hours', scoreHours, HOUR_SERIES],
    ] as const) {
      const startedMs = performance.now();
      console.log(`\n${interval}, seed ${seed} (${seedName}), ${count} series of each kind, a quarter each\n`);
      console.log('| kind | recall | precision | false alarms a quiet series | most of one |\n|---|---|---|---|---|');
      const rows = KINDS.map((kind) => [kind, measure(score, kind, seed, count)] as const);
      for (const [kind, row] of rows) print(kind, UNTOLD.has(kind) ? { ...row, labels: 0, found: 0 } : row);
      const told = rows.filter(([kind]) => !UNTOLD.has(kind)).map(([, row]) => row);
      const sum = (of: keyof Row, among = told) => among.reduce((total, row) => total + row[of], 0);
      const all = rows.map(([, row]) => row);
      print('all', {
        ...{ labels: sum('labels'), found: sum('found'), falseAlarms: sum('falseAlarms') },
        ...{ quiet: sum('quiet', all), series: sum('series', all) },
        mostQuiet: Math.max(...all.map(({ mostQuiet }) => mostQuiet)),
      });
      console.log(`\n${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
    }
  }
}

const [what, organizations = '1000'] = process.argv.slice(2);
if (what === 'pass') await measurePass(Number(organizations));
else scoreAll();
