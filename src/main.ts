import { ensureHome } from './platform/process/home.ts';
import { leavePidOne } from './platform/process/pid-one.ts';
import { openStandardOutput } from './platform/process/standard-output.ts';
import { watchStopSignals } from './platform/process/stop-signals.ts';

// Small, so that a signal that comes early, while the rest is loaded, is heard as well.

leavePidOne();
ensureHome();
const output = openStandardOutput();
const signals = watchStopSignals((signal) => output.write(`\n${signal}: finishing what is in flight.\n`));
const { start } = await import('./start.ts');
await start(signals, output);
