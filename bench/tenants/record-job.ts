/**
 * What the client of many tenants is to do: one request for each key, in order, over so many
 * connections.
 */
export interface RecordJob {
  port: number;
  keys: string[];
  /** Begins every event id. */
  run: string;
  connections: number;
  /** Events a request. */
  batchSize: number;
  /** Sends the requests again and again until the server closes the connections. */
  isEndless: boolean;
}

export interface RecordResult {
  seconds: number;
  /** Requests that got a 2xx and said that nothing was refused. */
  acknowledged: number;
  /** Other answers. */
  failures: number;
  firstFailure: string | null;
}
