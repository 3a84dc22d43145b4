import { describe, expect, it } from 'vitest';
import { problemWithTarget, problemWithUrl } from '../../src/platform/outbound-http/outbound-url.ts';
import { isPublicAddress } from '../../src/platform/outbound-http/public-address.ts';
import { guardedLookup } from '../../src/platform/outbound-http/resolve-host.ts';
import { PRIVATE_HOSTS, PRIVATE_NAMES, PUBLIC_HOSTS } from '../harness/wall/spellings.ts';

const STRICT = { allowHttp: false, allowPrivate: false };

describe('a URL', () => {
  it.each(PRIVATE_HOSTS)('with the host %s is refused', (host) => {
    expect(problemWithUrl(`https://${host}/`, STRICT)).toMatch(/private/);
    expect(problemWithUrl(`https://${host}/`, { ...STRICT, allowPrivate: true })).toBeNull();
  });

  it.each(PUBLIC_HOSTS)('with the public host %s is allowed', (host) => {
    expect(problemWithUrl(`https://${host}/`, STRICT)).toBeNull();
  });

  it.each([
    ['http://example.com/', 'https'],
    ['ftp://example.com/', 'https'],
    ['file:///etc/passwd', 'https'],
    ['https://a:b@example.com/', 'user name'],
    ['https://a@example.com/', 'user name'],
    ['https://example.com:22/', 'port'],
    ['https://example.com:1023/', 'port'],
    ['https://[::1%25lo]/', 'URL'],
    ['//example.com', 'URL'],
    ['', 'URL'],
  ])('%s is refused', (url, why) => {
    expect(problemWithUrl(url, STRICT)).toContain(why);
  });

  it.each(['https://example.com/', 'https://example.com:80/', 'https://example.com:443/', 'https://example.com:1024/'])(
    '%s is allowed',
    (url) => {
      expect(problemWithUrl(url, STRICT)).toBeNull();
    },
  );
});

describe('a name', () => {
  it.each([...PRIVATE_NAMES].filter(([, [first]]) => first?.length !== 0))(
    '%s is refused, also where one of its addresses is public',
    async (name, [addresses = []]) => {
      expect(await problemWithTarget(`https://${name}/`, STRICT, async () => addresses)).toMatch(/private/);
    },
  );

  it('that cannot be resolved yet is accepted', async () => {
    const fail = async () => Promise.reject(new Error('no such name'));
    expect(await problemWithTarget('https://later.test/', STRICT, fail)).toBeNull();
  });

  it('gives a socket its addresses in the form that it asks for', async () => {
    const lookup = guardedLookup(
      async () => ['8.8.8.8', '2606:4700::1111'],
      isPublicAddress,
      () => new Error('no'),
    );
    const ask = (all: boolean) =>
      new Promise((resolve) => lookup('a.test', { all }, (...answer) => resolve(answer.slice(1))));
    expect(await ask(false)).toEqual(['8.8.8.8', 4]);
    expect(await ask(true)).toEqual([
      [
        { address: '8.8.8.8', family: 4 },
        { address: '2606:4700::1111', family: 6 },
      ],
    ]);
  });
});

it.each(['127.1', '0x7f.0.0.1', 'localhost', '', '8.8.8.8 ', '::ffff:8.8.8.8'])(
  '%j is not a public address',
  (text) => {
    expect(isPublicAddress(text)).toBe(false);
  },
);
