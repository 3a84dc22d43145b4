import type pg from 'pg';

/**
 * Listens for what functions of the database announce to the process whose transaction it is, by
 * `RAISE NOTICE` with an SQLSTATE of its own: no statement has to return it, and nobody else hears of
 * it. It is passed on when the connection's transaction is over, committed or not, so the reader
 * looks for itself; it sees what was committed.
 * @param onNotice receives the SQLSTATE and the detail
 */
export function followNotices(client: pg.Client, onNotice: (code: string, detail: string) => void): void {
  let told: { code: string; detail: string }[] = [];
  client.on('notice', ({ code, detail }) => {
    if (code !== undefined && detail !== undefined) told.push({ code, detail });
  });
  client.connection.on('readyForQuery', ({ status }: { status: string }) => {
    if (told.length === 0 || status !== 'I') return;
    const over = told;
    told = [];
    for (const { code, detail } of over) onNotice(code, detail);
  });
}
