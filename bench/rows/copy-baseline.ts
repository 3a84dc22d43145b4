import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { newUuid } from '../../src/platform/ids.ts';
import { copyIn, openClient } from '../harness/copy-in.ts';

const ROWS = 50_000;
const ROWS_A_CHUNK = 500;
const COLUMNS =
  'organization_id, id, event_id, body_hash, time, recorded_at, series_id, requests, input_tokens, output_tokens, ' +
  'cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens, ' +
  'output_audio_tokens, web_searches, cost, computed_cost, cost_source, price_id, user_id, tags';

export interface CopyBaseline {
  /**
   * Rows a second of one COPY of 50,000, from its start to its commit. The rows are made before.
   */
  measure(): Promise<number>;
  close(): Promise<void>;
}

function makeChunks(run: string, organizationId: string): Buffer[] {
  const priceId = newUuid();
  const time = new Date().toISOString();
  const chunks: Buffer[] = [];
  for (let first = 0; first < ROWS; first += ROWS_A_CHUNK) {
    let text = '';
    for (let n = first; n < first + ROWS_A_CHUNK; n++) {
      const eventId = `${run}-${String(n).padStart(12, '0')}`;
      const hash = createHash('sha256').update(eventId).digest('hex').slice(0, 32);
      const counts = `1\t${1200 + (n % 97)}\t300\t1024\t0\t0\t0\t0\t0\t0`;
      text += `${organizationId}\t${newUuid()}\t${eventId}\t\\\\x${hash}\t${time}\t${time}\t${1 + (n % 5)}\t${counts}\t0.00472\t0.00472\tcatalog\t${priceId}\tuser-${10 + (n % 50)}\t{"env":"prod","feature":"chat"}\n`;
    }
    chunks.push(Buffer.from(text));
  }
  return chunks;
}

/** A copy of `usage_events` with its indexes, and a connection that fills it. */
export async function openCopyBaseline(connectionString: string): Promise<CopyBaseline> {
  const client = await openClient(connectionString);
  const organizationId = newUuid();
  let runs = 0;
  await client.query('CREATE TABLE bench_copy (LIKE usage_events INCLUDING ALL)');
  return {
    async measure() {
      const chunks = makeChunks(`c${++runs}`, organizationId);
      const startMs = performance.now();
      await copyIn(client, `COPY bench_copy (${COLUMNS}) FROM STDIN`, chunks);
      const seconds = (performance.now() - startMs) / 1000;
      const { rows } = await client.query<{ rows: string }>('SELECT count(*)::text AS rows FROM bench_copy');
      if (Number(rows[0]?.rows) !== runs * ROWS) throw new Error('COPY did not store what it was given');
      return ROWS / seconds;
    },
    async close() {
      await client.query('DROP TABLE IF EXISTS bench_copy');
      await client.end();
    },
  };
}
