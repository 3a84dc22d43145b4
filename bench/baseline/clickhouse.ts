import { performance } from 'node:perf_hooks';
import { Session } from 'chdb';

// ClickHouse in a process of its own, asked without a network: what a caller of a ClickHouse server
// pays is more.

const session = new Session(process.env.CLICKHOUSE_FOLDER ?? '');

process.on('message', (sql: string) => {
  try {
    const startMs = performance.now();
    const answer = session.query(sql, 'TSV');
    process.send?.({ answer, ms: performance.now() - startMs });
  } catch (error) {
    process.send?.({ failure: String(error) });
  }
});
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`clickhouse ${String(session.query('SELECT version()', 'TSV')).trim()}\n`);
