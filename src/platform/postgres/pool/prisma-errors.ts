import { z } from 'zod';

/** What Prisma throws, as far as it says what happened: its own code, and the driver's error. */
const PRISMA_ERROR = z.object({
  code: z.string().regex(/^P\d{4}$/),
  meta: z
    .object({
      driverAdapterError: z.object({
        cause: z.object({
          originalCode: z.string().optional(),
          constraint: z.object({ index: z.string().optional() }).optional(),
        }),
      }),
    })
    .partial()
    .optional(),
});

/** The database could not be reached, did not answer in time, or closed the connection. */
const UNREACHABLE = new Set(['P1001', 'P1002', 'P1008', 'P1017']);
/** A transaction got no connection in time, or was ended because it took too long. */
const OUT_OF_TIME = 'P2028';
const UNIQUE_VIOLATION = 'P2002';

function read(error: unknown) {
  const { data } = PRISMA_ERROR.safeParse(error);
  return data && { code: data.code, ...data.meta?.driverAdapterError?.cause };
}

/** Whether Prisma says that the server cannot be reached. */
export function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.has(read(error)?.code ?? '');
}

/** The SQLSTATE behind an error of Prisma's, where there is one. */
export function sqlStateOf(error: unknown): string | undefined {
  return read(error)?.originalCode;
}

/** Whether a transaction of Prisma's waited for a connection, or ran, for too long. */
export function isOutOfTime(error: unknown): boolean {
  return read(error)?.code === OUT_OF_TIME;
}

/** The unique index that a write of Prisma's violated. */
export function violatedIndexOf(error: unknown): string | undefined {
  const failure = read(error);
  return failure?.code === UNIQUE_VIOLATION ? failure.constraint?.index : undefined;
}
