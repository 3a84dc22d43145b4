import { expect, it } from 'vitest';
import type { TelemetryInput, UsageInput } from '../../src/domain/usage/event/usage-input.ts';
import { explainCost } from '../../src/domain/usage/explain-cost.ts';
import { recordUsage } from '../../src/domain/usage/record-usage.ts';
import { recordUsageBatch } from '../../src/domain/usage/record-usage-batch.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { voidUsage } from '../../src/domain/usage/void-usage.ts';
import { formatId } from '../../src/platform/ids.ts';
import { useTestDomain } from '../harness/domain.ts';
import { EVENT_INPUT, makeKey, makeOrganization, makeTeam } from '../harness/make.ts';

const domain = useTestDomain();

const TELEMETRY: TelemetryInput = {
  startedAt: null,
  servedModel: null,
  warnings: [],
  isWithoutUsage: false,
  charge: null,
  isTeamOptional: true,
};
const spanOf = (telemetry: Partial<TelemetryInput>, more: Partial<UsageInput> = {}): UsageInput => ({
  ...EVENT_INPUT,
  ...more,
  telemetry: { ...TELEMETRY, ...telemetry },
});
const contextOf = async () => domain().contextOf(await makeOrganization(domain()));

it('a call that told no counts is a request with 0 tokens and no cost, also of a model that charges for each', async () => {
  const context = await contextOf();
  const { provider } = EVENT_INPUT;
  const input = { provider, model: 'gpt-4o', telemetry: { ...TELEMETRY, isWithoutUsage: true } };
  const { event } = await recordUsage(context, { ...input, provider: 'perplexity', model: 'sonar' });
  expect(event).toMatchObject({ requests: 1, inputTokens: 0, cost: null, unpricedReason: 'no_usage_reported' });
  expect(await verifyUsage(domain().resources.database)).toEqual([]);
});

it('what a span says that the provider charged wins, and what is no amount is a warning', async () => {
  const context = await contextOf();
  const { event } = await recordUsage(context, spanOf({ charge: '0.5', warnings: ['a word of the span'] }));
  expect(event).toMatchObject({ cost: '0.5', costSource: 'caller', warnings: ['a word of the span'] });
  const { event: other } = await recordUsage(context, spanOf({ charge: 'much' }));
  expect(other).toMatchObject({ cost: '0.0075', warnings: [expect.stringContaining('(much)')] });
});

it('a team that the key may not see is left out of a span’s event with a warning that names it', async () => {
  const organization = await makeOrganization(domain());
  const context = await domain().contextOf(organization);
  const foreign = await makeTeam(domain(), await makeOrganization(domain()));
  const own = await makeTeam(domain(), organization);
  const teams = [foreign.id, own.id, 'the best team\0', 'x'.repeat(900)];
  const inputs = teams.map((teamId) => spanOf({}, { teamId }));
  const outcomes = await recordUsageBatch(context, inputs);
  expect(outcomes).toMatchObject({ created: teams.length, invalid: 0 });
  const { rows } = await domain().sql.query<{ team_id: string | null; warnings: string[] | null }>(
    `SELECT s.team_id, e.warnings FROM usage_events e JOIN usage_series s ON s.id = e.series_id
      WHERE e.organization_id = $1 ORDER BY e.id`,
    [context.caller.organization.id],
  );
  expect(rows).toHaveLength(teams.length);
  expect(rows).toContainEqual({ team_id: own.uuid, warnings: null });
  expect(rows).toContainEqual({ team_id: null, warnings: [expect.stringContaining(foreign.id)] });
  expect(rows.filter(({ team_id }) => team_id === null)).toHaveLength(3);
});

it('the team of a team-bound key wins over the one that a span names, with a warning', async () => {
  const organization = await makeOrganization(domain());
  const [own, other] = [await makeTeam(domain(), organization), await makeTeam(domain(), organization)];
  const key = await makeKey(domain(), organization, { scopes: ['usage:write'], team: own });
  const context = await domain().contextOf({ ...organization, key });
  const { event } = await recordUsage(context, spanOf({}, { teamId: other.id }));
  expect(event).toMatchObject({ teamId: own.uuid, warnings: [expect.stringContaining(other.id)] });
  const { event: same } = await recordUsage(context, spanOf({}, { teamId: own.id }));
  expect(same).toMatchObject({ teamId: own.uuid, warnings: [] });
});

it('a span whose units contradict its counts is recorded with a warning, and charged for no more than there is', async () => {
  const context = await contextOf();
  const { event } = await recordUsage(context, spanOf({}, { units: { output_image_tokens: 501 } }));
  expect(event).toMatchObject({ cost: '0.0075', details: { units: { output_image_tokens: 501 } } });
  expect(event.warnings).toContainEqual(expect.stringContaining('units.output_image_tokens'));
});

it('an event that was charged by two prices is explained by both, and so is its reverse', async () => {
  const context = await contextOf();
  const { event } = await recordUsage(context, spanOf({}, { id: 'two', model: 'gpt-4o' }));
  const priceId = event.priceId ?? '';
  const part = { model: 'gpt-4o', counts: { inputTokens: 1_000 }, priceId };
  await domain().sql.query(
    `UPDATE usage_events SET details = $2, cost = cost + 0.0025, computed_cost = computed_cost + 0.0025 WHERE id = $1`,
    [event.id, JSON.stringify({ parts: [part], units: { storage_searches: 2 } })],
  );
  const { event: reversed } = await voidUsage(context, { id: formatId('usageEvent', event.id), reason: 'a test' });
  const lines = await explainCost(context, reversed);
  expect(lines.map(({ unit, model, quantity }) => [unit, model, quantity])).toEqual([
    ['input_tokens', null, -1_000],
    ['output_tokens', null, -500],
    ['storage_searches', null, -2],
    ['input_tokens', 'gpt-4o', -1_000],
  ]);
  expect(reversed.details).toEqual({
    units: { storage_searches: -2 },
    parts: [{ ...part, counts: { inputTokens: -1_000 } }],
  });
});
