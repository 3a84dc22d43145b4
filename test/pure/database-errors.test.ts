import { expect, it } from 'vitest';
import { isConnectionLoss } from '../../src/platform/postgres/pool/database-errors.ts';

const failure = (properties: object) => Object.assign(new Error('a failure'), properties);

it.each([
  ['a connection that ends', { code: '08006' }],
  ['an administrator ends it', { code: '57P01' }],
  ['nobody listens at the socket', { code: 'ENOENT', syscall: 'connect' }],
  ['nobody listens at the port', { code: 'ECONNREFUSED', syscall: 'connect' }],
])('the database is out of reach: %s', (_, properties) => {
  expect(isConnectionLoss(failure(properties))).toBe(true);
});

it.each([
  ['a message of the driver that the server refuses', { code: '08P01' }],
  ['a missing file', { code: 'ENOENT', syscall: 'open' }],
  ['a missing file of no known call', { code: 'ENOENT' }],
  ['a broken rule of the database', { code: '23505' }],
])('the database is not out of reach: %s', (_, properties) => {
  expect(isConnectionLoss(failure(properties))).toBe(false);
});
