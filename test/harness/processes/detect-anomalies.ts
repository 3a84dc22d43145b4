import { openDetector } from '../detector.ts';

// Looks for anomalies in the database in the environment, as the job does, and ends.

const nowMs = Number(process.env.NOW_MS);
const detector = openDetector(process.env.DATABASE_URL ?? '', () => nowMs);
console.log(`raised ${await detector.detect()}`);
await detector.close();
