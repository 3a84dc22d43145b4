import { createApp } from '../../../src/app.ts';
import { readConfig } from '../../../src/config.ts';
import { createLog } from '../../../src/platform/log.ts';
import { OPERATOR_KEY } from '../operator-key.ts';
import type { ServeMessage, ServeReport } from './server-process.ts';

// A server on the database of argv[2]. Its parent sets the clock, at first to argv[3]; when that is
// empty, the clock is real. It reports its port when it listens, answers each message when it is
// done, and stops when its parent is gone.

const [connectionString = '', now = ''] = process.argv.slice(2);
let timeMs = now === '' ? null : Number(now);
const report = (message: ServeReport) => process.send?.(message);

const app = await createApp({
  config: readConfig({
    METERR_OPERATOR_KEY: OPERATOR_KEY,
    METERR_PRICE_FEEDS: 'off',
    ...process.env,
    METERR_DATABASE_CONNECTIONS: '12',
  }),
  log: createLog('error'),
  clock: () => timeMs ?? Date.now(),
  connectionString,
  // A test that imports prices may want its servers to keep those that they began with.
  ...(process.env.CATALOG_LOOK_MS ? { catalogLookMs: Number(process.env.CATALOG_LOOK_MS) } : {}),
});
const { port } = await app.listen(0, '127.0.0.1');

process.on('message', async (message: ServeMessage) => {
  if ('now' in message) timeMs = message.now;
  else await app.close();
  report({ done: true });
  if (!('now' in message)) process.disconnect();
});
process.on('disconnect', () => process.exit(0));
report({ port });
