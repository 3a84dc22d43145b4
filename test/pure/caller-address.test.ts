import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { createCallerAddress, type TrustedProxies } from '../../src/platform/http/caller-address.ts';

function addressOf(trusted: TrustedProxies, socket: string, forwarded?: string): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return createCallerAddress(trusted)({ headers, socket: { remoteAddress: socket } } as unknown as IncomingMessage);
}

it.each<[string, TrustedProxies, string, string | undefined, string]>([
  ['without trusted proxies the header is not read', null, '198.51.100.1', '203.0.113.7', '198.51.100.1'],
  ['one hop: what the proxy itself added', 1, '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['one hop: not what the caller wrote before', 1, '10.0.0.1', '192.0.2.66, 203.0.113.7', '203.0.113.7'],
  ['two hops', 2, '10.0.0.1', '192.0.2.66, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
  ['more hops than there are: the furthest', 5, '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['ranges: the nearest outside them', ['10.0.0.0/8'], '10.0.0.1', '192.0.2.66, 203.0.113.7, 10.9.9.9', '203.0.113.7'],
  ['ranges: a caller that is not a proxy speaks for itself', ['10.0.0.0/8'], '203.0.113.7', '10.0.0.1', '203.0.113.7'],
  ['ranges: an IPv4 address in IPv6 form', ['10.0.0.0/8'], '::ffff:10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['ports are left out', 1, '10.0.0.1', '203.0.113.7:4711', '203.0.113.7'],
  ['brackets are left out', 1, '10.0.0.1', '[2001:db8::7]:4711', '2001:db8::7'],
  ['words are not addresses', 1, '10.0.0.1', 'unknown', '10.0.0.1'],
  ['an empty header', 1, '10.0.0.1', '', '10.0.0.1'],
  ['no header', 1, '10.0.0.1', undefined, '10.0.0.1'],
])('the caller is the nearest hop that is not trusted: %s', (_, trusted, socket, forwarded, address) => {
  expect(addressOf(trusted, socket, forwarded)).toBe(address);
});
