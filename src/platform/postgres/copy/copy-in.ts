import pg from 'pg';

const ROWS = /^COPY (\d+)$/;

/** What of the driver's connection sends a copy; its types leave it out. */
interface CopySender {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
}

/** A socket takes more, or is gone. */
function drained(stream: pg.Connection['stream']): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

/**
 * `COPY ... FROM STDIN` over one connection, no faster than the server takes it. Where `chunks` fails, so
 * does the statement, and with it the transaction.
 * @returns the number of rows
 * @throws what the server says, or what `chunks` threw
 */
export function copyIn(client: pg.Client, statement: string, chunks: AsyncIterable<Buffer>): Promise<number> {
  const { stream } = client.connection;
  let rows = 0;
  let failure: unknown = null;

  async function send(connection: CopySender): Promise<void> {
    try {
      for await (const chunk of chunks) {
        if (failure) return;
        connection.sendCopyFromChunk(chunk);
        if (stream.writableNeedDrain) await drained(stream);
      }
      if (!failure) connection.endCopyFrom();
    } catch (error) {
      failure ??= error;
      connection.sendCopyFail('what was to be copied could not be read');
    }
  }

  return new Promise((resolve, reject) => {
    const query = {
      submit: (connection: pg.Connection) => connection.query(statement),
      handleCopyInResponse: (connection: CopySender) => void send(connection),
      handleCommandComplete({ text }: { text: string }) {
        rows = Number(ROWS.exec(text)?.[1]);
      },
      handleError(error: Error) {
        failure ??= error;
        // After the loss of a connection no other message comes.
        if (!(error instanceof pg.DatabaseError)) reject(failure);
      },
      handleReadyForQuery() {
        if (failure) reject(failure);
        else resolve(rows);
      },
    };
    client.query(query);
  });
}
