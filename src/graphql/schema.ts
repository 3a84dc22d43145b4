import './builder/scalars.ts';
import './access/access.ts';
import './access/api-keys.ts';
import './access/organizations.ts';
import './access/teams.ts';
import './access/members.ts';
import './access/invites.ts';
import './access/audit-log.ts';
import './usage/usage.ts';
import './usage/usage-summary.ts';
import './usage/usage-subscriptions.ts';
import './costs/costs.ts';
import './costs/owner-costs.ts';
import './costs/cost-forecast.ts';
import './costs/spend.ts';
import './costs/prices.ts';
import './costs/own-prices.ts';
import './costs/model-aliases.ts';
import './jobs/jobs.ts';
import './costs/anomaly-mutes.ts';
import './builder/amount.ts';
import './budgets/budgets.ts';
import './holds.ts';
import './credits.ts';
import './events/events.ts';
import './events/event-subscriptions.ts';
import './webhooks/webhooks.ts';
import { defaultFieldResolver, type GraphQLSchema, getNullableType, isObjectType } from 'graphql';
import { builder } from './builder/builder.ts';

/**
 * A field that is its source's property of that name needs no resolver: GraphQL reads the property
 * by itself, and a compiled operation then does so in place, without a call.
 */
function readPropertiesInPlace(whole: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(whole.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      if (field.resolve === defaultFieldResolver || field.extensions.isProperty === true) delete field.resolve;
    }
  }
  return whole;
}

/**
 * Makes every root field nullable, so that one that fails does not take the answers of the others
 * with it: GraphQL answers null for the nearest nullable parent of a failed field.
 */
function withNullableRoots(whole: GraphQLSchema): GraphQLSchema {
  for (const root of [whole.getQueryType(), whole.getMutationType()]) {
    for (const field of Object.values(root?.getFields() ?? {})) field.type = getNullableType(field.type);
  }
  return whole;
}

/** The whole schema, in the order it is written in. Imported by the doors and the printer only. */
export const schema = withNullableRoots(readPropertiesInPlace(builder.toSchema({ sortSchema: false })));
