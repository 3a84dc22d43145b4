import pg from 'pg';
import { violatedIndexOf } from './pool/prisma-errors.ts';

const UNIQUE_VIOLATION = '23505';

/** Whether a statement failed because it violated this unique index or constraint. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  if (error instanceof pg.DatabaseError) return error.code === UNIQUE_VIOLATION && error.constraint === constraint;
  return violatedIndexOf(error) === constraint;
}
