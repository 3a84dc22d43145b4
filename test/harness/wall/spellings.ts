/** Hosts of URLs that lead to a private, loopback, link-local or reserved address, in every spelling. */
export const PRIVATE_HOSTS: readonly string[] = [
  '127.0.0.1',
  '127.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '127.0.0.1.',
  '①②⑦.⓪.⓪.①',
  '%31%32%37.0.0.1',
  '0',
  '0.0.0.0',
  '10.0.0.1',
  '100.64.0.1',
  '169.254.169.254',
  '169.254.43518',
  '0xa9fea9fe',
  '172.16.0.1',
  '172.31.255.254',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '192.168.257',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  '[2001:db8::1]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[100::1]',
  '[4000::1]',
  '[5f00::1]',
];

/** Each look-up of a name gives the next of these; the last one again and again. */
export const PRIVATE_NAMES: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['loopback.test', [['127.0.0.1']]],
  ['metadata.test', [['169.254.169.254']]],
  ['loopback6.test', [['::1']]],
  ['embedded.test', [['::7f00:1']]],
  ['mapped.test', [['::ffff:127.0.0.1']]],
  ['nat64.test', [['64:ff9b::7f00:1']]],
  ['one-of-two.test', [['8.8.8.8', '10.0.0.1']]],
  ['nothing.test', [[]]],
]);

/** Names that are public when they are looked up first, and private ever after. */
export const REBINDING_NAMES: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['rebinding.test', [['8.8.8.8'], ['127.0.0.1']]],
]);

/** What must be reached, so that "not reached" means something. */
export const PUBLIC_HOSTS: readonly string[] = ['8.8.8.8', '134744072', '[2606:4700::1111]'];
