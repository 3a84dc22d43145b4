import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const muteFields = graphql(`fragment AnomalyMuteFields on AnomalyMute @_unmask { id teamId apiKeyId until createdAt }`);

const listMutes = route({
  method: 'get',
  path: '/v1/anomaly-mutes',
  operationId: 'listAnomalyMutes',
  summary: 'The anomaly mutes that have not ended, newest first',
  description: "A key that is bound to a team sees that team's mutes only.",
  tag: 'Costs',
  scope: 'budgets:write',
  operation: operation(
    graphql(
      `query AnomalyMutes($first: Int, $after: String) {
        anomalyMutes(first: $first, after: $after) {
          edges { node { ...AnomalyMuteFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [muteFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of mutes.' }],
  errors: [400],
});

const createMute = route({
  method: 'post',
  path: '/v1/anomaly-mutes',
  operationId: 'createAnomalyMute',
  summary: 'Keep anomalies from being told for a time',
  description:
    'Of a team and the API keys that are bound to it, of one API key, or without either of all. An incident that is ' +
    'over its band after the end is told then.',
  tag: 'Costs',
  scope: 'budgets:write',
  operation: operation(
    graphql(
      `mutation CreateAnomalyMute($input: CreateAnomalyMuteInput!) {
        createAnomalyMute(input: $input) { ...AnomalyMuteFields }
      }`,
      [muteFields],
    ),
  ),
  body: 'CreateAnomalyMuteInput',
  success: [{ status: 201, description: 'The mute.' }],
  errors: [400, 409],
});

const deleteMute = route({
  method: 'delete',
  path: '/v1/anomaly-mutes/{id}',
  operationId: 'deleteAnomalyMute',
  summary: 'End an anomaly mute',
  tag: 'Costs',
  scope: 'budgets:write',
  operation: operation(
    graphql(
      `mutation DeleteAnomalyMute($input: DeleteAnomalyMuteInput!) {
        deleteAnomalyMute(input: $input) { ...AnomalyMuteFields }
      }`,
      [muteFields],
    ),
  ),
  success: [{ status: 200, description: 'The mute as it stood.' }],
  errors: [404],
});

export const anomalyMuteRoutes = [listMutes, createMute, deleteMute];
