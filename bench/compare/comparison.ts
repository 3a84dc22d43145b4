import { alignColumns, figure } from '../harness/report.ts';
import { median } from '../harness/statistics.ts';
import { compareRatios, judgeCost, type Pair, type Quartiles, type Verdict } from './pairs.ts';
import type { Load } from './rows.ts';
import type { Sample } from './version.ts';

/** One figure of both versions: their medians, and the ratios `after / before` of the pairs. */
export interface Figure {
  what: string;
  before: number;
  after: number;
  ratio: Quartiles;
}

/** What a comparison says of one load. */
export interface Comparison {
  row: string;
  what: string;
  figures: Figure[];
  /** Of the CPU time of the server and PostgreSQL together. */
  verdict: Verdict;
  /** Counted in the database, or released, of both versions. */
  counted: Pair<number>;
  pairs: Pair<Sample>[];
}

/** The figures of a load's pairs, and whether the cost stayed within a share (0.05 is 5 %). */
export function compareSamples(row: string, load: Load, pairs: Pair<Sample>[], within: number): Comparison {
  const figureOf = (what: string, value: (sample: Sample) => number): Figure => {
    const values = pairs.map(({ before, after }) => ({ before: value(before), after: value(after) }));
    const middle = (side: 'before' | 'after') => median(values.map((pair) => pair[side]));
    return { what, before: middle('before'), after: middle('after'), ratio: compareRatios(values) };
  };
  const cost = figureOf(`CPU of both, us per ${load.unit}`, ({ server, postgres }) => server + postgres);
  const figures = [
    figureOf(`CPU of the server, us per ${load.unit}`, ({ server }) => server),
    figureOf(`CPU of PostgreSQL, us per ${load.unit}`, ({ postgres }) => postgres),
    cost,
    figureOf(`${load.unit}s per second`, ({ perSecond }) => perSecond),
    ...(load.hasLatency ? [figureOf('p50 latency, ms', ({ p50Ms }) => p50Ms)] : []),
  ];
  const sum = (side: 'before' | 'after') => pairs.reduce((total, pair) => total + pair[side].counted, 0);
  const counted = { before: sum('before'), after: sum('after') };
  return { row, what: load.what, figures, verdict: judgeCost(cost.ratio, within), counted, pairs };
}

const ratio = (value: number) => value.toFixed(3);

/** A comparison for a terminal; its last line is the verdict. */
export function formatComparison({ row, what, figures, verdict, counted }: Comparison, within: number): string {
  const table = alignColumns([
    ['', 'before', 'after', 'after/before', 'quartiles'],
    ...figures.map((one) => [
      `  ${one.what}`,
      figure(one.before),
      figure(one.after),
      ratio(one.ratio.median),
      `${ratio(one.ratio.lower)} to ${ratio(one.ratio.upper)}`,
    ]),
  ]);
  const words = { yes: 'yes', no: 'no', straddles: 'the quartiles straddle it, so it holds' };
  const [before, after] = [counted.before, counted.after].map((count) => count.toLocaleString('en-US'));
  const tally = row === 'holds' ? 'holds, each released' : 'events acknowledged, lost 0, doubled 0';
  return [
    `${row}: ${what}`,
    ...table,
    `  ${before} and ${after} ${tally}`,
    `  within ${Number((within * 100).toPrecision(3))} %: ${words[verdict]}`,
  ].join('\n');
}
