import { readFile, stat } from 'node:fs/promises';
import { DATABASE, type TenantsDatabase } from './tenants-database.ts';

/** A node of a plan as EXPLAIN (ANALYZE, FORMAT JSON) has it. Rows are means over the loops. */
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: PlanNode[];
}

/** A statement that the server ran, with what its plan did. */
export interface Explained {
  text: string;
  /** What scans of tables gave, and what they read and threw away. */
  rows: number;
  /** Pages of 8 kB that were looked at, from memory or disk. */
  pages: number;
  /** Each scan of a table, the one of the most rows first. */
  scans: { what: string; rows: number }[];
}

/** What every request reads: who calls, and the housekeeping beside it. It is not counted. */
const HOUSEKEEPING = /^(_private_|organizations$|teams$|api_keys$|rate_limits$|usage_fold$|budgets$)/;
const ENTRY = /LOG: {2}duration: [\d.]+ ms {2}plan:\n((?:\t.*\n?)+)/g;
const SETTINGS = {
  session_preload_libraries: "'auto_explain'",
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_parameter_max_length': '0',
  'auto_explain.log_format': 'json',
};

/**
 * From now on, each new connection to the database logs the plan of each statement that ends: with
 * what functions run, since a plan says of a function only what it gave; or without, which is what
 * clients sent.
 */
export async function explainAll({ sql }: TenantsDatabase, functions: 'with functions' | 'sent'): Promise<void> {
  const nested = { 'auto_explain.log_nested_statements': functions === 'sent' ? 'off' : 'on' };
  for (const [name, value] of Object.entries({ ...SETTINGS, ...nested })) {
    // The library's own settings are unknown until it is loaded, which a superuser may set all the
    // same.
    await sql.query(`ALTER DATABASE ${DATABASE} SET ${name} = ${value}`);
  }
}

/** Ends it, for new connections. */
export async function explainNothing({ sql }: TenantsDatabase): Promise<void> {
  await sql.query(`ALTER DATABASE ${DATABASE} RESET ALL`);
}

function collect(node: PlanNode, scans: Explained['scans']): void {
  const table = node['Relation Name'];
  if (table !== undefined && node['Node Type'] !== 'ModifyTable' && !HOUSEKEEPING.test(table)) {
    const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
    const rows = (node['Actual Rows'] + removed) * node['Actual Loops'];
    scans.push({ what: `${node['Node Type']} ${table}`, rows: Math.round(rows) });
  }
  for (const child of node.Plans ?? []) collect(child, scans);
}

function readEntry(json: string): Explained {
  const { 'Query Text': text, Plan: plan } = JSON.parse(json) as { 'Query Text': string; Plan: PlanNode };
  const scans: Explained['scans'] = [];
  collect(plan, scans);
  const rows = scans.reduce((sum, scan) => sum + scan.rows, 0);
  const pages = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  return { text, rows, pages, scans: scans.sort((a, b) => b.rows - a.rows) };
}

/**
 * Every statement that ended while `work` ran, of all connections to the database, as PostgreSQL
 * logged it.
 */
export async function readExplained({ postgresLog }: TenantsDatabase, work: () => Promise<unknown>) {
  const { size } = await stat(postgresLog);
  await work();
  const written = (await readFile(postgresLog)).subarray(size).toString();
  return [...written.matchAll(ENTRY)].map(([, json = '']) => readEntry(json));
}
