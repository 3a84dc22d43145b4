import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Loaded by `node --import`: Node stores compiled code here, so that later starts are faster.

enableCompileCache(join(import.meta.dirname, '../.meterr/compile-cache'));
