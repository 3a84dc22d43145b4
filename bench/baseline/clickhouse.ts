import { performance } from 'node:perf_hooks';
import { Session } from 'chdb';

// ClickHouse in a process of its own, asked without a network: what a caller of a ClickHouse server pays is more.

interface Job {
  sql: string;
  times: number;
}

const session = new Session(process.env.CLICKHOUSE_FOLDER ?? '');

process.on('message', ({ sql, times }: Job) => {
  const latenciesMs: number[] = [];
  let answer = '';
  try {
    for (let i = 0; i < times; i++) {
      const startMs = performance.now();
      answer = session.query(sql, 'TSV') as string;
      latenciesMs.push(performance.now() - startMs);
    }
    process.send?.({ answer, latenciesMs });
  } catch (error) {
    process.send?.({ failure: String(error) });
  }
});
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`clickhouse ${String(session.query('SELECT version()', 'TSV')).trim()}\n`);
