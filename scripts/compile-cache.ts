import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Loaded before the server (`node --import`): what Node compiles is kept, so that a later start
// reads it instead.

enableCompileCache(join(import.meta.dirname, '../.meterr/compile-cache'));
