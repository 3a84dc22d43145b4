import { startEmbeddedPostgres } from '../../../src/platform/embedded-postgres/embedded-postgres.ts';

// A process that uses the embedded PostgreSQL of argv[2]. It writes one line of JSON when the
// server is up or has failed, and stops when its standard input ends.
const [dataDir = '', settings = '{}'] = process.argv.slice(2);
try {
  const { stop, ...postgres } = await startEmbeddedPostgres({ dataDir, settings: JSON.parse(settings) });
  process.stdout.write(`${JSON.stringify(postgres)}\n`);
  process.stdin.resume().once('end', () => stop());
} catch (error) {
  const { name, code, message } = Object(error);
  process.stdout.write(`${JSON.stringify({ error: { name, code, message } })}\n`);
}
