import './scalars.ts';
import './access.ts';
import './organizations.ts';
import './teams.ts';
import './audit-log.ts';
import './usage.ts';
import './usage-summary.ts';
import './costs.ts';
import './prices.ts';
import './amount.ts';
import './budgets.ts';
import './holds.ts';
import './credits.ts';
import './events.ts';
import { builder } from './builder.ts';

/** The whole schema. Imported by the doors and the printer only. */
export const schema = builder.toSchema({ sortSchema: true });
