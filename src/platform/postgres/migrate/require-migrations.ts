import type pg from 'pg';
import { AppError } from '../../errors.ts';
import { isUnfinished, listRows, matches } from './migrate.ts';
import { readMigrations } from './schema-engine.ts';

/** A migration that a database has. */
export interface AppliedMigration {
  name: string;
  checksum: string;
}

/** How the migrations of a database compare with those of this Meterr. */
export type MigrationState = 'none' | 'unreleased' | 'unsound' | 'behind' | 'ahead' | 'current';

/** Reads what was applied, in its order, and writes nothing. */
export async function readMigrationState(
  client: pg.Client,
): Promise<{ state: MigrationState; applied: AppliedMigration[] }> {
  const { migrationDirectories: known } = await readMigrations();
  const rows = (await listRows(client)).filter((row) => !row.rolled_back_at);
  const applied = rows
    .map((row) => ({ name: row.migration_name, checksum: row.checksum }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const stateOf = (): MigrationState => {
    if (applied.length === 0) return 'none';
    if (applied.some(({ name }) => name < (known[0]?.path ?? ''))) return 'unreleased';
    if (rows.some(isUnfinished)) return 'unsound';
    const isOther = ({ name, checksum }: AppliedMigration) => {
      const migration = known.find(({ path }) => path === name);
      return migration !== undefined && !matches(migration, checksum);
    };
    if (applied.some(isOther)) return 'unsound';
    if (applied.some(({ name }) => !known.some(({ path }) => path === name))) return 'ahead';
    return applied.length < known.length ? 'behind' : 'current';
  };
  return { state: stateOf(), applied };
}

const FAULTS: ReadonlyMap<MigrationState, string> = new Map([
  ['none', 'holds nothing of Meterr: check DATABASE_URL and METERR_DATA_DIR'],
  ['unreleased', 'was made by an unreleased version of Meterr: use that version'],
  ['unsound', 'has a migration that is unfinished or was edited: npm start says which one'],
  ['behind', 'is older than this Meterr: npm start brings it up to date'],
  ['ahead', 'is newer than this Meterr: use the Meterr that runs on it'],
]);

/**
 * The migrations of a database, in the order in which they were to be applied.
 * @param where names the database in messages
 * @throws AppError unavailable unless its state is one of `allowed`
 */
export async function requireMigrations(
  client: pg.Client,
  where: string,
  allowed: readonly MigrationState[],
): Promise<AppliedMigration[]> {
  const { state, applied } = await readMigrationState(client);
  if (allowed.includes(state)) return applied;
  throw new AppError('unavailable', `The database ${where} ${FAULTS.get(state)}.`);
}
