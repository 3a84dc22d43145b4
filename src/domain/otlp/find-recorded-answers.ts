import type { Context } from '../context.ts';

/** Those of the ids of answers that an event of the caller's organization has. */
export async function findRecordedAnswers(
  { caller, resources }: Context,
  responseIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (responseIds.length === 0) return new Set();
  const { rows } = await resources.database.retryingLostConnections(() =>
    resources.database.pool.query<{ response_id: string }>(
      'SELECT response_id FROM usage_responses WHERE organization_id = $1 AND response_id = ANY ($2::text[])',
      [caller.organization.id, responseIds],
    ),
  );
  return new Set(rows.map(({ response_id }) => response_id));
}
