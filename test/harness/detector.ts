import { pino } from 'pino';
import { detectAnomalies } from '../../src/domain/anomalies/detect-anomalies.ts';
import { createKnownBands } from '../../src/domain/anomalies/watch/known-bands.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';

const CONNECTIONS = 3;

/** The job that raises `usage.anomaly`, of a process of its own. */
export interface Detector {
  /** Runs the job once; returns how many events it raised. */
  detect(): Promise<number>;
  close(): Promise<void>;
}

export function openDetector(connectionString: string, clock: () => number): Detector {
  const database = openDatabase({ connectionString, connections: CONNECTIONS, onError: () => {} });
  const resources = { database, clock, log: pino({ level: 'silent' }), bands: createKnownBands() };
  return {
    detect: () => detectAnomalies(resources, new AbortController().signal),
    close: () => database.close(),
  };
}
