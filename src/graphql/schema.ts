import './scalars.ts';
import './access.ts';
import './usage.ts';
import './usage-summary.ts';
import './costs.ts';
import './prices.ts';
import { builder } from './builder.ts';

/** The whole schema. Imported by the doors and the printer only. */
export const schema = builder.toSchema({ sortSchema: true });
