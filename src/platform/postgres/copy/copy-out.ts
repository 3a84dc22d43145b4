import pg from 'pg';

const BLOCK_BYTES = 1_048_576;
const ROWS = /^COPY (\d+)$/;

/**
 * `COPY ... TO STDOUT` over one connection: its bytes in blocks of about 1 MiB, each of which ends with a
 * row. The server waits while a block is not asked for. Returns the number of rows.
 *
 * A reader that stops before the end costs the connection.
 */
export async function* copyOut(client: pg.Client, statement: string): AsyncGenerator<Buffer, number> {
  const { stream } = client.connection;
  const ready: Buffer[] = [];
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  let end: { rows: number } | { error: Error } | null = null;
  let failure: Error | null = null;
  let rows = 0;
  let wake = () => {};

  function flush(): void {
    if (filled === 0) return;
    ready.push(block.subarray(0, filled));
    block = Buffer.allocUnsafe(BLOCK_BYTES);
    filled = 0;
    stream.pause();
    wake();
  }

  const query = {
    submit: (connection: pg.Connection) => connection.query(statement),
    /** One row: a view of memory that the driver uses again. */
    handleCopyData({ chunk }: { chunk: Buffer }) {
      if (filled + chunk.length > block.length) flush();
      if (chunk.length > block.length) ready.push(Buffer.from(chunk));
      else filled += chunk.copy(block, filled);
    },
    handleCommandComplete({ text }: { text: string }) {
      rows = Number(ROWS.exec(text)?.[1]);
    },
    handleError(error: Error) {
      failure ??= error;
      // After the loss of a connection no other message comes.
      if (!(error instanceof pg.DatabaseError)) end = { error };
      wake();
    },
    handleReadyForQuery() {
      flush();
      stream.resume();
      end = failure ? { error: failure } : { rows };
      wake();
    },
  };
  const isOver = () => end !== null;
  client.query(query);
  try {
    for (;;) {
      const next = ready.shift();
      if (next) yield next;
      else if (isOver()) break;
      else {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        stream.resume();
        await woken;
      }
    }
  } finally {
    if (!isOver()) stream.destroy(new Error('Connection terminated: a copy was not read to its end'));
  }
  return finish(end);
}

function finish(end: { rows: number } | { error: Error } | null): number {
  if (end && 'rows' in end) return end.rows;
  throw end?.error ?? new Error('a copy has no end');
}
