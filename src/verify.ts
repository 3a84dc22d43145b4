import { readConfig } from './config.ts';
import { verifyBudgets } from './domain/budgets/verify-budgets.ts';
import { verifyCredits } from './domain/credits/verify-credits.ts';
import { verifyUsage } from './domain/usage/upkeep/verify-usage.ts';
import { createLog } from './platform/log.ts';
import { openDatabase } from './platform/postgres/database.ts';
import { openDatabaseServer } from './platform/postgres/database-server.ts';

// npm run verify: adds the ledger up again and compares it with everything that is summed from it. Exit code 1, and
// the first difference of each kind, when they disagree. Safe beside a running server.

const config = readConfig();
const log = createLog('error');
const server = await openDatabaseServer(config.databaseUrl, config.dataDir, log);
const database = openDatabase({
  connectionString: server.connectionString,
  connections: 2,
  onError: (error) => log.warn({ err: error }, 'a database connection was lost'),
});
const usage = (await verifyUsage(database)).map(({ bucket, seriesId, ...rest }) => {
  return { ...rest, of: `${bucket}, series ${seriesId}` };
});
const differences = [...usage, ...(await verifyBudgets(database)), ...(await verifyCredits(database))];
await database.close();
await server.stop();
for (const { table, organizationId, of, kept, summed } of differences) {
  process.stdout.write(`${table}: organization ${organizationId}, ${of}\n  kept:     ${kept}\n  re-added: ${summed}\n`);
}
process.stdout.write(
  differences.length === 0 ? 'Every sum equals its ledger.\n' : 'The sums differ from the ledger.\n',
);
process.exitCode = differences.length === 0 ? 0 : 1;
