import { once } from 'node:events';
import pg from 'pg';

/**
 * What of pg's wire connection COPY needs; the driver has the messages, but no statement that sends
 * them.
 */
interface Wire {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  stream: NodeJS.WritableStream & { writableNeedDrain?: boolean };
}

/**
 * `COPY ... FROM STDIN` over one connection, of chunks made beforehand. Resolves after its commit.
 */
export async function copyIn(client: pg.Client, statement: string, chunks: readonly Buffer[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let failure: Error | null = null;
    client.query({
      submit(connection: unknown) {
        (connection as Wire).query(statement);
      },
      async handleCopyInResponse(connection: Wire) {
        for (const chunk of chunks) {
          connection.sendCopyFromChunk(chunk);
          if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
        }
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleError(error: Error) {
        failure = error;
        reject(error);
      },
      handleReadyForQuery() {
        if (!failure) resolve();
      },
    } as unknown as pg.Submittable);
  });
}

/** A connection of its own. */
export async function openClient(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  // A server that stops under an idle connection says so outside any query; the next query fails by
  // itself.
  client.on('error', () => {});
  await client.connect();
  return client;
}
